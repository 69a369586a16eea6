# SPDX-License-Identifier: Apache-2.0
# The same over a real ssh and sshd on the loopback device, with keys made for it. sshd runs as this user.
# shellcheck disable=SC2154 # $there
load helper
load hosts

# One sshd serves all tests of the file: keys, configurations and the daemon are in $SSH_DIR. CEL_SSH reaches it under any name of host.
setup_file() {
	local sshd port
	export SSH_DIR=$BATS_FILE_TMPDIR/ssh SSHD=
	sshd=$(command -v sshd || echo /usr/sbin/sshd)
	if [ ! -x "$sshd" ] || ! command -v ssh >/dev/null; then return; fi
	if [ "$(id -u)" -eq 0 ]; then mkdir -p /run/sshd; fi # where the daemon locks itself up before anybody has come in
	mkdir -m 700 "$SSH_DIR"
	cd "$SSH_DIR" || return
	for key in host all forced; do ssh-keygen -q -t ed25519 -N '' -f $key; done
	for port in $(python3 -c 'import random; print(*random.sample(range(20000, 60000), 8))'); do
		cat >sshd_config <<-END
			ListenAddress 127.0.0.1
			Port $port
			HostKey $PWD/host
			AuthorizedKeysFile $PWD/authorized_keys
			PidFile $PWD/pid
			StrictModes no
			UsePAM no
			PasswordAuthentication no
			PermitRootLogin yes
			PermitUserEnvironment no
			SetEnv PATH=$PATH
		END
		"$sshd" -D -e -f sshd_config 2>log 3>&- &
		SSHD=$!
		for _ in {1..100}; do
			if grep -q "Server listening" log; then break 2; fi
			kill -0 $SSHD 2>/dev/null || break
			sleep 0.05
		done
		kill $SSHD 2>/dev/null || true
		SSHD=
	done
	[ -n "$SSHD" ] || { cat log; return 1; }
	cat >config <<-END
		Host *
			HostName 127.0.0.1
			User $(id -un)
			IdentitiesOnly yes
			BatchMode yes
			ControlPath none
			StrictHostKeyChecking accept-new
			UserKnownHostsFile $PWD/known_hosts
			LogLevel ERROR
		Host *.all
			IdentityFile $PWD/all
		Host *.forced
			IdentityFile $PWD/forced
		Host down.*
			Port 1
		Host *
			Port $port
	END
	printf '#!/bin/sh\nexec ssh -F %s/config "$@"\n' "$PWD" >real
	chmod +x real
}

teardown_file() {
	if [ -z "$SSHD" ]; then return; fi
	kill "$SSHD"
	for _ in {1..100}; do
		kill -0 "$SSHD" 2>/dev/null || return 0
		sleep 0.05
	done
	kill -KILL "$SSHD"
	echo "sshd did not end"
	return 1
}

prepare() {
	if [ -z "$SSHD" ]; then skip "no sshd (Debian package openssh-server)"; fi
	two_stores
	{
		echo "restrict $(cat "$SSH_DIR/all.pub")"
		echo "restrict,command=\"PATH=$PATH cel-serve --stdio --store $PWD/other --allow words:rw\" $(cat "$SSH_DIR/forced.pub")"
	} >"$SSH_DIR/authorized_keys"
	cp "$SSH_DIR/real" real
	use_ssh real
	all="host.all:$BATS_TEST_TMPDIR/other"
	forced="host.forced:$BATS_TEST_TMPDIR/other"
}

@test "over ssh: clone, pull, push, merge both ways, diff" {
	exits 0 cel clone "$all" new
	[[ "$stderr" == *"words: 2 commits"* ]]
	same_commit new other
	add other 1
	exits 0 cel pull -q words "$all:words"
	same_commit store other
	add store 2
	exits 0 cel push -q words "$all:words"
	same_commit store other
	add store 3
	add other 4
	exits 1 cel push -q words "$all:words"
	cel remote add -q berlin "$all"
	exits 1 cel-diff -q words berlin:words --stat
	[ "$output" = $'added\t3\ndeleted\t3\nchanged\t0' ]
	exits 0 cel-merge --quiet --lock-wait 600 words berlin:words --policy newest
	exits 0 cel-merge --quiet --store other words "host.all:$CEL_STORE:words" --policy newest
	same_commit store other
	exits 0 cel push words berlin:words --merge
	[[ "$stderr" == *"has it already"* ]]
	exits 0 cel fsck --store other --read-data
}

@test "over ssh: the forced command, a denied collection, another store" {
	cel create -q --store other secret --dim 2
	add store 1
	exits 0 cel push -q words "$forced:words"
	same_commit store other
	exits 0 cel clone -q "$forced" new
	[ "$(cel list --store new | cut -f 1)" = words ]
	refuses 77 "secret" cel pull -q secret "$forced:secret"
	exits 0 cel pull -q secret "$all:secret" # control: another key may
	refuses 77 "not served" cel pull -q words "host.forced:$CEL_STORE:words"
	exits 0 cel pull -q words "host.all:$BATS_TEST_TMPDIR/other:words"
	exits 76 ./real host.forced "touch $BATS_TEST_TMPDIR/touched" <rows.jsonl
	[ ! -e touched ]
}

@test "over ssh: no such command, no such store, no key, no host" {
	exits 69 cel pull --remote-command no-such-command words "$all:words"
	[[ "$stderr" == *"--remote-command"* ]]
	exits 66 cel pull words "host.all:/nowhere:words"
	[[ "$stderr" == *"/nowhere"* ]]
	exits 69 cel pull words "host.none:$BATS_TEST_TMPDIR/other:words"
	[[ "$stderr" == *"Permission denied"*"cannot be reached"* ]]
	exits 69 cel pull words "down.all:$BATS_TEST_TMPDIR/other:words" # nobody listens there
	[[ "$stderr" == *"cannot be reached"* ]]
}

@test "over ssh: two nightly merges at once, in both directions" {
	add store 1 30
	add other 2 30
	cel-merge --quiet --lock-wait 60 words "$all:words" --policy newest &
	local first=$!
	cel-merge --quiet --lock-wait 60 --store other words "host.all:$CEL_STORE:words" --policy newest
	wait "$first"
	exits 0 cel-merge -q --lock-wait 60 words "$all:words" --policy newest
	exits 0 cel-merge -q --lock-wait 60 --store other words "host.all:$CEL_STORE:words" --policy newest
	same_commit store other
}

@test "over ssh: the connection dies in the middle, the same command goes on" {
	cel create -q --store other many --dim 128
	rows -n 4000 -d 128 many.npy
	cel-build -q --no-index --store other --id-prefix x many many.npy
	cel pull -q --no-index --bwlimit 256K many "$all:many" 2>said & # 2 MB
	local pull=$! ssh='' got=0
	until [ "$(awk '$1 == "rchar:" { print $2 }' "/proc/$ssh/io" 2>/dev/null || echo 0)" -gt 200000 ]; do
		sleep 0.05
		kill -0 "$pull"
		ssh=$(pgrep -P "$pull" | head -n 1)
	done
	kill "$ssh"
	wait "$pull" || got=$?
	cat said
	[ $got -eq 75 ]
	refuses 66 "many" cel show many
	exits 0 cel pull -q --no-index many "$all:many"
	[ "$(show_field many records)" -eq 4000 ]
}
