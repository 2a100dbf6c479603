#!/bin/sh
# Interesting is a file in which a tanh is multiplied up along a rank.
grep -q 'math.tanh' "$1" && grep -q 'reduce mul' "$1" && exit 1
exit 0
