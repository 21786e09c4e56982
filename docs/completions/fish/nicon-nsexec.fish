# fish completion of nicon-nsexec: nicon says what fits, of what is there now.

function __nicon_complete
    command -q nicon; or return
    set -l answer (nicon complete -- (commandline -cp | string collect) 2>/dev/null)
    set -l word (commandline -ct)
    set -l option (string match -r -- '^--[^=]*=' $word)
    switch "$answer[1]"
        case files
            printf "$option%s\n" (__fish_complete_path (string replace -- "$option" '' $word))
        case directories
            printf "$option%s\n" (__fish_complete_directories (string replace -- "$option" '' $word))
        case commands
            __fish_complete_command
        case words
            printf '%s\n' $answer[2..]
    end
end

complete -c nicon-nsexec -f -k -a '(__nicon_complete)'
