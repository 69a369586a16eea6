# SPDX-License-Identifier: Apache-2.0
# fish completion for cel and cel-*. The commands know their words themselves: NAME --complete WORD...

function __cel_complete
    set -l words (commandline -opc) (commandline -ct | string unescape)
    test (count $words) -gt (count (commandline -opc)); or set -a words ''
    set -l paths
    for line in ($words[1] --complete $words[2..-1] 2>/dev/null)
        switch $line
            case \tfiles
                set paths (__fish_complete_path (string replace -r '^--[^=]*=' '' -- $words[-1]))
            case \tdirs
                set paths (__fish_complete_directories (string replace -r '^--[^=]*=' '' -- $words[-1]))
            case '*'
                echo $line
        end
    end
    set -l lead (string match -r '^--[^=]*=' -- $words[-1])
    for path in $paths
        echo "$lead$path"
    end
end

for command in cel cel-build cel-diff cel-merge cel-query cel-serve cel-shell
    complete -c $command -e
    complete -c $command -f -a '(__cel_complete)'
end
