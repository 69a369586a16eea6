// SPDX-License-Identifier: Apache-2.0
// Everything in the stores that run.sh made, judged by @ipld/dag-cbor, multiformats and @ipld/car:
//   - every block hashes to its CID, and every dag-cbor block decodes and encodes again to the same bytes
//   - from the commits that `cel show` names, every link leads to a block
//   - the trees, read here by their documented layout, hold exactly the ids, vectors and metadata that went in
//   - trees built anew from their records, by other code (trees.mjs), have the same root
//   - segments are CARv2 files: blocks, root and sorted index
// and each harness finds a planted fault.
import fs from 'node:fs'
import path from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import * as raw from 'multiformats/codecs/raw'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { sha256 } from 'multiformats/hashes/sha2'
import { CarIndexedReader, CarReader } from '@ipld/car'
import { LARGE, large, notes } from './make.mjs'
import { checkGoldenCommits, checkGoldenCuts, checkGoldenTrees, treeOf } from './trees.mjs'

let count = 0
let failures = 0
async function test (name, body) {
  count++
  try {
    const note = await body()
    console.log(`ok ${count} - ${name}${note ? ` (${note})` : ''}`)
  } catch (error) {
    failures++
    console.log(String(error.stack).replace(/^/gm, '# '))
    console.log(`not ok ${count} - ${name}`)
  }
}
const control = (name, body) => test(`control: ${name}`, async () => {
  let found = false
  try { await body() } catch { found = true }
  assert(found, 'the planted fault was not found')
})
function assert (condition, message) { if (!condition) throw new Error(message) }
const equal = (a, b) => Buffer.compare(a, b) === 0

// mdb_dump: pairs of lines with a space in front, in hexadecimal
function * readDump (file) {
  const lines = fs.readFileSync(file, 'utf8').split('\n').filter(line => line.startsWith(' '))
  for (let i = 0; i < lines.length; i += 2) yield [Buffer.from(lines[i].trim(), 'hex'), Buffer.from(lines[i + 1].trim(), 'hex')]
}

// The tables blocks and packs (cel-format(5)), of which both have keys of codec and digest
function readBlocks (store) {
  const blocks = new Map()
  for (const [, pack] of readDump(`${store}.packs`)) {
    const n = pack.readUInt32LE(0)
    let buckets = 1
    while (buckets < Math.floor(n / 2)) buckets *= 2
    const keys = 4 + 4 * buckets
    for (let i = 0; i < n; i++) {
      const key = pack.subarray(keys + 33 * i, keys + 33 * (i + 1))
      const offset = pack.readUInt32LE(keys + 33 * n + 8 * i)
      const size = pack.readUInt32LE(keys + 33 * n + 8 * i + 4)
      const cid = CID.createV1(key[0], createDigest(0x12, key.subarray(1)))
      blocks.set(cid.toString(), pack.subarray(offset, offset + size))
    }
  }
  for (const [key, value] of readDump(`${store}.blocks`)) {
    assert(key.length === 33, 'a block key of 33 bytes')
    const isUpper = key[0] === 0x01 // a node above the leaves, with zeros behind it and their number
    const cid = CID.createV1(isUpper ? dagCbor.code : key[0], createDigest(0x12, key.subarray(1)))
    blocks.set(cid.toString(), isUpper ? value.subarray(0, value.length - 2 - value.readUInt16LE(value.length - 2)) : value)
  }
  return blocks
}

async function checkBlock (text, bytes) {
  const cid = CID.parse(text)
  const codec = cid.code === raw.code ? raw : dagCbor
  assert(cid.code === codec.code, `${text}: codec ${cid.code}`)
  const value = codec.decode(bytes)
  assert(equal(codec.encode(value), bytes), `${text}: encodes to other bytes`)
  assert(CID.createV1(codec.code, await sha256.digest(bytes)).equals(cid), `${text}: another hash`)
  return value
}

async function checkBlocks (blocks) {
  let nodes = 0
  for (const [text, bytes] of blocks) {
    await checkBlock(text, bytes)
    if (CID.parse(text).code === dagCbor.code) nodes++
  }
  assert(nodes > 0, 'no dag-cbor block')
  return `${nodes} dag-cbor, ${blocks.size - nodes} raw`
}

function get (blocks, cid) {
  const bytes = blocks.get(cid.toString())
  assert(bytes, `${cid} is missing`)
  return bytes
}

// All records below a node: [level, count, prefix, [[suffix, vector, metadata] or [suffix, link, count]]]
function * records (blocks, cid) {
  const [level, total, prefix, entries] = dagCbor.decode(get(blocks, cid))
  let seen = 0
  for (const [suffix, first, second] of entries) {
    const key = Buffer.concat([prefix, suffix])
    if (level === 0) {
      const value = v => v === null ? null : CID.asCID(v) ? get(blocks, v) : Buffer.from(v)
      seen++
      yield { id: key.toString(), vector: value(first), metadata: value(second) }
      continue
    }
    let last
    let below = 0
    for (const record of records(blocks, first)) {
      below++
      last = record.id
      yield record
    }
    assert(below === second, `${cid}: a count of ${second}, but ${below} records`)
    assert(last === key.toString(), `${cid}: key ${key}, but the last record is ${last}`)
    seen += below
  }
  assert(seen === total, `${cid}: a count of ${total}, but ${seen} records`)
}

// Commit: ["cel-commit", 1, schema, tree, [parents], generation, time, author, message]
function checkCommit (blocks, shown) {
  let cid = CID.parse(shown.commit)
  const commit = dagCbor.decode(get(blocks, cid))
  assert(commit[0] === 'cel-commit' && commit[1] === 1, 'a commit')
  assert(commit[3].toString() === shown.tree, 'the tree that cel show names')
  assert(commit[5] === shown.generation && commit[8] === shown.message, 'generation and message')
  const schema = dagCbor.decode(get(blocks, commit[2]))
  const { dim, type, metric, model } = shown.schema
  assert(JSON.stringify(schema) === JSON.stringify(['cel-schema', 1, dim, type, metric, model]), 'the schema')
  let length = 0
  for (; ; length++) {
    const [, , , tree, parents] = dagCbor.decode(get(blocks, cid))
    for (const record of records(blocks, tree)) assert(record.vector, 'a vector')
    if (parents.length === 0) break
    cid = parents[0]
  }
  assert(length === shown.generation, `${length} ancestors of generation ${shown.generation}`)
  return commit[3]
}

const canonical = value => Array.isArray(value)
  ? value.map(canonical)
  : value !== null && typeof value === 'object'
    ? Object.fromEntries(Object.keys(value).sort().map(key => [key, canonical(value[key])]))
    : value

function compareRecords (found, wanted) {
  let n = 0
  for (const record of found) {
    const { vector, metadata } = wanted.get(record.id) ?? {}
    assert(vector, `${record.id} was never put in`)
    assert(equal(record.vector, Buffer.from(Float32Array.from(vector).buffer)), `${record.id}: another vector`)
    const text = metadata ? JSON.stringify(canonical(metadata)) : null
    assert((record.metadata?.toString() ?? null) === text, `${record.id}: metadata ${record.metadata}, not ${text}`)
    n++
  }
  assert(n === wanted.size, `${n} records, not ${wanted.size}`)
  return `${n} records`
}

function readNpy (file) {
  const bytes = fs.readFileSync(file)
  const start = 10 + bytes.readUInt16LE(8)
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length))
}

function rowsOf (values, dim, name) {
  return new Map(Array.from({ length: values.length / dim }, (_, i) =>
    [name(i), { vector: values.subarray(i * dim, (i + 1) * dim) }]))
}

const shows = file => fs.readFileSync(file, 'utf8').trim().split('\n').map(line => JSON.parse(line))
const shown = (list, name) => list.find(one => one.name === name)

// ------------------------------------------------------------------------------------------- segments
const varint = bytes => {
  let value = 0
  for (let i = 0; ; i++) {
    value += (bytes[i] & 0x7f) * 2 ** (7 * i)
    if (bytes[i] < 0x80) return [value, i + 1]
  }
}

// The CARv2 index of format MultihashIndexSorted (0x0401): for each hash code the (digest, offset) pairs by digest.
function checkIndex (bytes, blocks) {
  const dataOffset = Number(bytes.readBigUInt64LE(27))
  const dataSize = Number(bytes.readBigUInt64LE(35))
  const indexOffset = Number(bytes.readBigUInt64LE(43))
  assert(indexOffset >= dataOffset + dataSize && indexOffset < bytes.length, 'offsets of the header')
  let p = indexOffset
  const [format, n] = varint(bytes.subarray(p))
  assert(format === 0x0401, `index format ${format}`)
  p += n
  assert(bytes.readInt32LE(p) === 1, 'one hash code')
  assert(Number(bytes.readBigUInt64LE(p + 4)) === 0x12, 'sha2-256')
  assert(bytes.readInt32LE(p + 12) === 1, 'one width')
  const width = bytes.readUInt32LE(p + 16)
  const size = Number(bytes.readBigUInt64LE(p + 20))
  p += 28
  assert(width === 40 && size % width === 0 && p + size === bytes.length, `width ${width}, ${size} bytes`)
  let last = Buffer.alloc(0)
  for (; p < bytes.length; p += width) {
    const digest = bytes.subarray(p, p + 32)
    assert(Buffer.compare(last, digest) < 0, 'digests in order')
    last = digest
    const section = bytes.subarray(dataOffset + Number(bytes.readBigUInt64LE(p + 32)))
    const [length, head] = varint(section)
    const cid = CID.decode(section.subarray(head, head + 36))
    assert(equal(cid.multihash.digest, digest), 'an entry leads to its block')
    assert(equal(section.subarray(head + 36, head + length), get(blocks, cid)), 'of these bytes')
  }
  assert(size / width === blocks.size, `${size / width} entries for ${blocks.size} blocks`)
}

async function checkSegment (file, tree) {
  const bytes = fs.readFileSync(file)
  const reader = await CarReader.fromBytes(bytes)
  assert(reader.version === 2, 'CARv2')
  const roots = (await reader.getRoots()).map(String)
  assert(roots.length === 1 && roots[0] === tree.toString(), `root ${roots}, tree ${tree}`)
  const blocks = new Map()
  for await (const { cid, bytes } of reader.blocks()) {
    await checkBlock(cid.toString(), bytes)
    blocks.set(cid.toString(), Buffer.from(bytes))
  }
  const indexed = await CarIndexedReader.fromFile(file)
  const some = [...blocks.keys()].filter((_, i) => i % 500 === 0)
  for (const text of some) assert(equal((await indexed.get(CID.parse(text))).bytes, blocks.get(text)), 'random access')
  await indexed.close()
  checkIndex(bytes, blocks)
  return blocks
}

// ----------------------------------------------------------------------------------------------- tests
const [words, source] = process.argv.slice(2)
const small = readBlocks('small')
const smallShows = shows('small.show')
const largeBlocks = readBlocks('large')
const [largeShow] = shows('large.show')
const segments = fs.readdirSync('large/segments').map(name => path.join('large/segments', name))

await test('the raw block of f32 [1,2,3,4] has the CID of the documentation', async () => {
  const block = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)
  const cid = CID.createV1(raw.code, await sha256.digest(block))
  assert(String(cid) === 'bafkreifnoo42zvxeu5fs6w5vhbtfrtr3wfdm2bakdbtwi2vtxfz7wzrswe', String(cid))
})
await test('every block of a small store re-encodes to the same bytes and CID', () => checkBlocks(small))
await test('words: commit, tree and records', () => {
  const ids = fs.readFileSync(path.join(words, 'words.txt'), 'utf8').trim().split('\n')
  const tree = checkCommit(small, shown(smallShows, 'words'))
  return compareRecords(records(small, tree), rowsOf(readNpy(path.join(words, 'words.npy')), 100, i => ids[i]))
})
await test('notes: two commits, Unicode ids, metadata inline and linked', () => {
  const show = shown(smallShows, 'notes')
  assert(show.generation === 2, `generation ${show.generation}`)
  const wanted = new Map([...notes(0, 1000), ...notes(900, 1100)].map(row => [row.id, row]))
  return compareRecords(records(small, checkCommit(small, show)), wanted)
})
await test('an empty collection is one empty leaf', () => {
  const tree = checkCommit(small, shown(smallShows, 'empty'))
  assert(JSON.stringify(dagCbor.decode(get(small, tree)).map(x => x.length ?? x)) === '[0,0,0,0]', 'the empty leaf')
})
await test('the large store keeps nodes in LMDB, vectors in one segment', async () => {
  assert(segments.length === 1, `${segments.length} segments`)
  const inLmdb = await checkBlocks(largeBlocks)
  const tree = checkCommit(new Map([...largeBlocks, ...await checkSegment(segments[0], CID.parse(largeShow.tree))]), largeShow)
  const all = new Map([...largeBlocks, ...await checkSegment(segments[0], tree)])
  return `${inLmdb}; ${compareRecords(records(all, tree), rowsOf(large(), LARGE.dim, i => `row-${i}`))}`
})
await test('golden trees are built anew', () => checkGoldenTrees(source))
await test('golden genesis commits are built anew', () => checkGoldenCommits(source))
await test('golden cuts of runs over the cap are made anew', () => checkGoldenCuts(source))
await test('the trees of the small store are built anew from their records', () => {
  for (const show of smallShows) {
    const root = treeOf(records(small, CID.parse(show.tree)))
    assert(String(root) === show.tree, `${show.name}: ${root}, not ${show.tree}`)
  }
  return `${smallShows.length} trees`
})
await control('a record changed, the root not', () => {
  const { tree } = shown(smallShows, 'notes')
  const changed = [...records(small, CID.parse(tree))]
  changed[7].vector = Buffer.alloc(12)
  assert(String(treeOf(changed)) === tree, 'another root')
})
await control('a changed bit in a block', () => {
  const [text, bytes] = [...small][5]
  const bad = Buffer.from(bytes)
  bad[bad.length - 1] ^= 1
  return checkBlock(text, bad)
})
await control('a count that is not in its shortest form', async () => {
  const bad = Buffer.from([0x84, 0x18, 0x00, 0x00, 0x40, 0x80])
  return checkBlock(String(CID.createV1(dagCbor.code, await sha256.digest(bad))), bad)
})
await control('a missing block', () => {
  const tree = shown(smallShows, 'words').tree
  const less = new Map(small)
  less.delete([...less.keys()].find(text => CID.parse(text).code === raw.code))
  return [...records(less, CID.parse(tree))].length === 4000 ? checkCommit(less, shown(smallShows, 'notes')) : undefined
})
await control('a record too few', () => {
  const wanted = new Map([...notes(0, 1000), ...notes(900, 1101)].map(row => [row.id, row]))
  return compareRecords(records(small, checkCommit(small, shown(smallShows, 'notes'))), wanted)
})
await control('a segment whose index is cut', () => {
  const bytes = fs.readFileSync(segments[0])
  fs.writeFileSync('cut.car', bytes.subarray(0, bytes.length - 40))
  return checkSegment('cut.car', CID.parse(largeShow.tree))
})
console.log(`1..${count}`)
process.exit(failures > 0 ? 1 : 0)
