# cmake -DINPUT=file -DOUTPUT=file.inc -P AttnEmbed.cmake
# Writes the bytes of INPUT as a comma-separated list, to be included between
# the braces of an array.
file(READ "${INPUT}" bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${OUTPUT}" "${bytes}\n")
