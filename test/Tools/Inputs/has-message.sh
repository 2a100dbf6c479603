#!/bin/sh
# has-message.sh TEXT PASSES... FILE: interesting is a file of which the passes
# say the text.
text=$1
shift
attn-opt "$@" -o /dev/null 2>&1 | grep -q "$text" && exit 1
exit 0
