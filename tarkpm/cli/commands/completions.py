"""``tarkpm completions``: what a shell needs to complete commands, options and plugins' names.

The scripts speak click's protocol and are not click's own, because what is completed may be text somebody
else wrote, a folder's name for example. Each script inserts a value quoted, so that it stays one argument
and the shell runs no part of it, and asks only a tarkpm that stands in an absolute entry of PATH: pressing
TAB must not run a file of the current folder.
"""

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.options import Invocation, anywhere

SHELLS = ("bash", "zsh", "fish")

_BASH = r"""_tarkpm_completion() {
    local program response type value
    program=$(type -aP -- "$1" | while IFS= read -r value; do
        if [[ $value == /* ]]; then printf '%s' "$value"; break; fi
    done)
    [[ -n $program ]] || return 0
    response=$(IFS=$'\n'; COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \
        _TARKPM_COMPLETE=bash_complete "$program")
    while IFS=, read -r type value; do
        case $type in
            dir) COMPREPLY=(); compopt -o dirnames ;;
            file) COMPREPLY=(); compopt -o default ;;
            plain)
                # inside quotes the user opened, an escaped value would be read in another way
                if [[ ${COMP_WORDS[COMP_CWORD]} == *[\"\'\`]* && $value == *[!a-zA-Z0-9_./-]* ]]; then
                    continue
                fi
                printf -v value %q "$value"
                COMPREPLY+=("$value") ;;
        esac
    done <<< "$response"
}

complete -o nosort -F _tarkpm_completion tarkpm
"""

_ZSH = r"""#compdef tarkpm

_tarkpm_completion() {
    emulate -L zsh
    local -a plain described response program
    local type key descr
    program=(${(M)${(f)"$(whence -ap -- tarkpm)"}:#/*})
    (( $#program )) || return 1
    response=("${(@f)$(COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \
        _TARKPM_COMPLETE=zsh_complete "$program[1]")}")
    for type key descr in "${(@)response}"; do
        case $type in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain) if [[ $descr == _ ]]; then plain+=("$key"); else described+=("$key:$descr"); fi ;;
        esac
    done
    (( $#described )) && _describe -V unsorted described -U
    (( $#plain )) && compadd -U -V unsorted -a plain
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _tarkpm_completion "$@"
elif (( $+functions[compdef] )); then
    compdef _tarkpm_completion tarkpm
else
    print -u2 'tarkpm: zsh has no completion system yet; first run: autoload -Uz compinit && compinit'
fi
"""

_FISH = r"""function _tarkpm_completion
    set -l program (command -sa tarkpm | string match '/*')
    test -n "$program[1]"; or return
    set -l response (env _TARKPM_COMPLETE=fish_complete COMP_WORDS=(commandline -cp | string collect) \
        COMP_CWORD=(commandline -t | string collect) $program[1])
    for completion in $response
        set -l parts (string split -m 1 , -- $completion)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                # fish itself expands a leading ~ and takes what follows a tab for a description
                string match -qr '^~|[[:cntrl:]]' -- $parts[2]; or printf '%s\n' $parts[2]
        end
    end
end

complete --no-files --command tarkpm --arguments "(_tarkpm_completion)"
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


@click.command("completions", cls=CheckedCommand)
@click.argument("shell", type=click.Choice(tuple(SCRIPTS)))
@anywhere
def completions_command(invocation: Invocation, shell: str) -> int:
    """Print the completion script of a shell."""
    script = SCRIPTS[shell]
    invocation.report({"shell": shell, "script": script}, lambda: [script])
    return 0
