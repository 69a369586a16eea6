# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2094 # names of commands and of files
# cel-query --grid: pages of images. tests/cli/page.py reads them, and refuses what could run or lead astray.
load helper

prepare() {
	make_store
}

page() { python3 "$CLI/page.py" "$1"; }

# image FILE: a PNG of one pixel, another for each name
image() {
	mkdir -p "$(dirname "$1")"
	python3 -c '
import struct, sys, zlib
def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
c = zlib.crc32(sys.argv[1].encode())
sys.stdout.buffer.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) +
    chunk(b"IDAT", zlib.compress(b"\0" + struct.pack(">I", c)[:3])) + chunk(b"IEND", b""))' "$1" >"$1"
}

photos() {
	cel create -q --dim 2 photos
	local i
	for i in 1 2 3 4 5; do
		image "images/p $i%.png"
		printf '{"id":"p %d%%.png","vector":[%d,1]}\n' $i $i
	done >p.jsonl
	cel-build -q photos p.jsonl
}

@test "the page has the answers that are printed, and their images" {
	photos
	mkdir out
	cel-query photos -k 3 --by-id "p 2%.png" --by-id "p 5%.png" >tsv
	exits 0 cel-query photos -k 3 --by-id "p 2%.png" --by-id "p 5%.png" --grid out/page.html --image-root images
	[ -z "$output$stderr" ]
	page out/page.html >found
	[ "$(awk -F '\t' '$2 > 0' found | cut -f 1-4)" = "$(cat tsv)" ]
	awk -F '\t' -v root="$PWD/images/" '$5 != root $3 { exit 1 }' found
	[ "$(awk -F '\t' '$2 == 0' found | cut -f 3)" = $'p 2%.png\np 5%.png' ]
	cut -f 5 found | while IFS= read -r file; do [ -f "$file" ]; done
	# names from the working directory, a page elsewhere, a page on standard output
	(cd images && cel-query photos -k 1 --by-id "p 1%.png" --grid ../p.html)
	[ "$(page p.html | tail -n 1 | cut -f 5)" = "$PWD/images/p 2%.png" ]
	cel-query photos -k 1 --by-id "p 1%.png" --grid - --image-root images >q.html
	[ "$(page q.html | tail -n 1 | cut -f 5)" = "$PWD/images/p 2%.png" ]
	cel-query photos -k 1 --by-id "p 1%.png" --grid q.html --image-root https://images.example/a/
	[ "$(page q.html | tail -n 1 | cut -f 5)" = "https://images.example/a/p%202%25.png" ]
}

@test "queries from a file: their rows, their ids, their images; at most so many" {
	photos
	printf '{"vector":[%d,1]}\n' 1 2 3 4 >rows.jsonl
	printf 'one.png\n\nthree.png\n' >names
	cel-query photos -k 1 --grid page.html --query-images names rows.jsonl
	[ "$(page page.html | awk -F '\t' '$2 == 0' | cut -f 1,5 | sed "s|$PWD/||")" = $'0\tone.png\n1\t-\n2\tthree.png\n3\t-' ]
	exits 0 cel-query photos -k 1 --grid page.html --grid-queries 2 rows.jsonl
	is_one_line "$stderr" "first 2 queries"
	[ "$(page page.html | wc -l)" -eq 4 ]
	grep -q "2 queries (there were more)" page.html
	cel-query photos -k 1 --grid page.html --grid-queries 4 rows.jsonl
	run ! grep -q "there were more" page.html
	cel-query photos -k 1 --grid page.html p.jsonl
	[ "$(page page.html | awk -F '\t' '$2 == 0' | cut -f 1)" = "$(seq -f 'p %g%%.png' 5)" ]
	[ "$(cel-query photos --radius 0.5 --by-id 'p 1%.png' --grid page.html; echo $?)" -eq 1 ]
	[ "$(page page.html | wc -l)" -eq 1 ]
}

@test "the image is named by the metadata, or by the id, or there is none" {
	cel create -q --dim 1 m
	cat >m.jsonl <<-'END'
		{"id":"a","vector":[1],"metadata":{"image":"x/a.png","path":"no"}}
		{"id":"b","vector":[2],"metadata":{"path":"x/b \"q\" \\ \u00e9.png","deep":{"image":"no"}}}
		{"id":"c","vector":[3],"metadata":{"url":"HTTPS://h.example/c.png?w=1&h=2#f","image":7}}
		{"id":"d.JPEG","vector":[4],"metadata":{"a":[{"image":"no"},"image"],"thumb":"t/d.png"}}
		{"id":"e","vector":[5],"metadata":{"image":""}}
		{"id":"http://h.example/f.gif?x","vector":[6]}
		{"id":"g.txt","vector":[7]}
	END
	cel-build -q m m.jsonl
	exits 0 cel-query m -k 7 --grid page.html - <<<'{"vector":[0]}'
	[ "$(page page.html | tail -n 7 | cut -f 5 | sed "s|$PWD/||")" = 'x/a.png
x/b "q" \ é.png
HTTPS://h.example/c.png?w=1&h=2#f
d.JPEG
-
http://h.example/f.gif?x
-' ]
	cel-query m -k 7 --grid page.html --image-field thumb - <<<'{"vector":[0]}'
	[ "$(page page.html | tail -n 7 | cut -f 5 | sed "s|$PWD/||" | tr '\n' ' ')" = "- - - t/d.png - - - " ]
	grep -q "{&quot;image&quot;:&quot;x/a.png&quot;" page.html
}

@test "hostile names stay text, and lead nowhere" {
	cel create -q --dim 1 m
	python3 - >m.jsonl <<-'END'
		import json
		names = ["<script>alert(1)</script>.png", "\"><img src=x onerror=alert(1)>.png", "javascript:alert(1)//.png", "data:text/html,x.png",
			 "//evil.example/x.png", "'onload='x.png", "&lt;b&gt;.png", "file:///etc/passwd.png", "..%2f..%2f.png", "?q.png", "#f.png",
			 "</span></figure>.png", "https://h.example/\"onerror=\"x.png", " JaVaScRiPt:x.png", "\u202ex.png", "a\u2028b.png"]
		for i, name in enumerate(names):
		    print(json.dumps({"id": name, "vector": [i], "metadata": {"t": name, "</pre>": "</pre><script>"}}))
	END
	cel-build -q --no-index m m.jsonl
	cel-query m -k 99 --grid page.html - <<<'{"vector":[0]}'
	page page.html >found
	[ "$(wc -l <found)" -eq 17 ]
	tail -n 16 found | cut -f 3 | diff - <(python3 -c 'import json
for line in open("m.jsonl"): print(json.loads(line)["id"])')
	run ! grep -qi '<script\|src="\(javascript:\|data:\|file:\|//\)' page.html
	# under the root, or on the host that the name begins with
	tail -n 16 found | awk -F '\t' -v root="$PWD/" 'index($5, root) != 1 && $5 !~ "^https://h.example/" && $5 != "/evil.example/x.png" { print; exit 1 }'
	# the control: an attribute or an element too many is refused
	sed 's/<li>/<li onclick="x">/' page.html >bad.html
	run ! page bad.html
	sed 's/<li>/<script><\/script><li>/' page.html >bad.html
	run ! page bad.html
}

@test "--embed: images in the page, and nothing else of this host" {
	photos
	image secret.png
	echo "no image" >images/text.png
	mkfifo images/pipe.png
	ln -s /etc/passwd images/link.png
	head -c 9000000 /dev/zero | tr '\0' 'x' >images/large.png
	printf '\211PNG\r\n\032\n' | dd of=images/large.png conv=notrunc status=none
	for name in ../secret.png "$PWD/secret.png" text.png pipe.png link.png large.png none.png x/../../secret.png; do
		printf '{"id":"%s","vector":[9,1]}\n' "$name"
	done | cel-build -q photos
	exits 0 cel-query photos -k 20 --embed --image-root images --grid page.html - <<<'{"vector":[0,1]}'
	is_one_line "$stderr" "8 images are linked"
	page page.html >found
	for i in 1 2 3 4 5; do
		[ "$(sed -n "$((i + 1))p" found | cut -f 5)" = "data image/png $(sha256sum <"images/p $i%.png" | cut -d ' ' -f 1)" ]
	done
	[ "$(grep -c 'data image' found)" -eq 5 ]
	run ! grep -q root: page.html
}

@test "what it refuses, and what cannot be written" {
	photos
	refuses 64 "--embed|--grid" cel-query photos --by-id "p 1%.png" --embed
	refuses 64 "--grid" cel-query photos --by-id "p 1%.png" --image-root x
	refuses 64 "--json" cel-query photos --by-id "p 1%.png" --grid x.html --json
	refuses 73 "no/x.html" cel-query photos --by-id "p 1%.png" --grid no/x.html
	refuses 66 "nonames" cel-query photos --by-id "p 1%.png" --grid x.html --query-images nonames
	[ ! -e x.html ]
	refuses 66 "nosuch" cel-query nosuch --by-id x --grid x.html
	[ ! -e x.html ]
	refuses 1 "nobody" cel-query photos --by-id nobody --grid x.html
	exits 74 cel-query photos --by-id "p 1%.png" --grid /dev/full
	[[ $stderr == *"/dev/full"* ]]
	exits 65 cel-query photos -k 1 --grid x.html - <<<$'{"vector":[1,1]}\n{"vector":[1]}'
	[ "$(page x.html | wc -l)" -eq 2 ]
}

@test "the example of examples/fashion.py" {
	[ -e /usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz ] || skip "no dataset-fashion-mnist"
	cel create -q --dim 784 --type u8 fashion
	python3 "$CLI/../../examples/fashion.py" 300 | cel-build -q fashion
	cel-query fashion -k 12 --by-id t00003 --by-id t00007 --grid fashion.html
	page fashion.html >found
	[ "$(wc -l <found)" -eq 26 ]
	cut -f 5 found | while IFS= read -r file; do [ "$(head -c 4 "$file" | tail -c 3)" = PNG ]; done
	cel-query fashion -k 12 --by-id t00003 --grid all.html --embed
	[ "$(page all.html | grep -c 'data image/png')" -eq 13 ]
}
