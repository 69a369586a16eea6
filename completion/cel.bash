# SPDX-License-Identifier: Apache-2.0
# bash completion for cel and cel-*. The commands know their words themselves (NAME --complete WORD...); here is what bash wants
# done besides: words that it has split at : = @ are put together again, quotes taken off and put on.
# shellcheck shell=bash

# The word as the command would get it, in REPLY.
_cel_unquote() {
	case $1 in
	\'*) REPLY=${1#\'} REPLY=${REPLY%\'} ;;
	\"*) REPLY=${1#\"} REPLY=${REPLY%\"} ;;
	*) REPLY=${1//\\/} ;;
	esac
}

_cel() {
	local rest=${COMP_LINE:0:COMP_POINT} words=() raw=() i piece trimmed line quote="" breaks lead wants="" REPLY
	for ((i = 0; i <= COMP_CWORD; i++)); do
		trimmed=${rest#"${rest%%[![:blank:]]*}"}
		piece=${COMP_WORDS[i]}
		[[ $i -eq $COMP_CWORD ]] && piece=$trimmed
		if [[ $i -gt 0 && $trimmed == "$rest" ]]; then
			raw[${#raw[@]} - 1]+=$piece
		else
			raw+=("$piece")
		fi
		rest=${trimmed#"$piece"}
	done
	for piece in "${raw[@]}"; do
		_cel_unquote "$piece"
		words+=("$REPLY")
	done
	piece=${raw[${#raw[@]} - 1]}
	case $piece in
	[\'\"]*) quote=${piece:0:1} lead="" ;;
	*) # what stands before the word that bash takes for one; @ belongs to what follows it
		breaks=${COMP_WORDBREAKS//[^:=@]/}
		_cel_unquote "${piece##*["${breaks:- }"]}"
		lead=${words[${#words[@]} - 1]%"$REPLY"}
		lead=${lead%@}
		;;
	esac
	COMPREPLY=()
	while IFS= read -r line; do
		if [[ $line == $'\t'* ]]; then
			wants=${line#$'\t'}
			continue
		fi
		line=${line%%$'\t'*}
		line=${line#"$lead"}
		[[ $quote ]] || printf -v line %q "$line"
		COMPREPLY+=("$line")
	done < <("${words[0]}" --complete "${words[@]:1}" 2>/dev/null)
	piece=${words[${#words[@]} - 1]}
	[[ $piece == --*=* ]] && piece=${piece#*=}
	case $wants in
	files) compopt -o filenames 2>/dev/null && mapfile -t COMPREPLY < <(compgen -f -- "$piece") ;;
	dirs) while IFS= read -r line; do
		printf -v line %q "$line/"
		COMPREPLY+=("$line")
	done < <(compgen -d -- "$piece") ;;
	esac
	# what goes on: NAME: of a remote, the directory of a store
	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:/=] ]] && compopt -o nospace 2>/dev/null
	return 0
}

complete -F _cel cel cel-build cel-diff cel-merge cel-query cel-serve cel-shell
