// SPDX-License-Identifier: Apache-2.0
// The tree and the genesis commit once more, written from cel-format(5) alone, on @ipld/dag-cbor and multiformats. What
// it makes of a set of records must have the CID that Celestica gives it: the golden files of the C tests, and whatever
// check.mjs reads from a store.
//
//     node trees.mjs SOURCE-TREE     the golden files alone
import fs from 'node:fs'
import path from 'node:path'
import { createHash } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import * as dagCbor from '@ipld/dag-cbor'
import * as raw from 'multiformats/codecs/raw'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'

const W = 24
const CAP = 392
const INLINE_MAX = 256
const SALT = Buffer.from('cel-prolly-1')

const sha256 = bytes => createHash('sha256').update(bytes).digest()
const cidOf = (codec, bytes) => CID.createV1(codec.code, createDigest(0x12, sha256(bytes)))

function hashOf (level, attempt, key) {
  const head = attempt === 0 ? [level] : [level, attempt]
  return sha256(Buffer.concat([SALT, Buffer.from(head), key])).readBigUInt64BE()
}

function commonPrefix (a, b) {
  let n = 0
  while (n < a.length && n < b.length && a[n] === b[n]) n++
  return n
}

// Is entry i smaller than all others within W? Keys ascend, so the lower place wins among equal hashes.
function isMinimum (hashes, i) {
  for (let j = Math.max(0, i - W); j <= Math.min(hashes.length - 1, i + W); j++) {
    if (j < i ? hashes[j] <= hashes[i] : j > i && hashes[j] < hashes[i]) return false
  }
  return true
}

function split (entries, closes) {
  const pieces = []
  let start = 0
  entries.forEach((_, i) => {
    if (!closes(i)) return
    pieces.push(entries.slice(start, i + 1))
    start = i + 1
  })
  if (start < entries.length) pieces.push(entries.slice(start))
  return pieces
}

function halve (entries, hashes) {
  const size = entries.length
  if (size <= CAP) return [entries]
  const quarter = Math.floor(size / 4)
  let best = quarter
  for (let i = quarter; i < size - quarter; i++) if (hashes[i] < hashes[best]) best = i
  return [...halve(entries.slice(0, best + 1), hashes.slice(0, best + 1)),
    ...halve(entries.slice(best + 1), hashes.slice(best + 1))]
}

function cut (entries, level, attempt, hash) {
  if (entries.length <= CAP) return [entries]
  const hashes = entries.map(entry => hash(level, Math.min(attempt, 4), entry.key))
  if (attempt > 4) return halve(entries, hashes)
  return split(entries, i => i >= W && i <= entries.length - W - 2 && isMinimum(hashes, i))
    .flatMap(piece => cut(piece, level, attempt + 1, hash))
}

// The entries of a level, shared out among its nodes.
export function nodesOf (entries, level, hash = hashOf) {
  const hashes = entries.map(entry => hash(level, 0, entry.key))
  return split(entries, i => i >= W && isMinimum(hashes, i)).flatMap(run => cut(run, level, 1, hash))
}

// The root CID of records [{ id, vector, metadata or null }] in the order of their ids.
export function treeOf (records) {
  const value = bytes => bytes === null || bytes.length <= INLINE_MAX ? bytes : cidOf(raw, bytes)
  let entries = [...records].map(({ id, vector, metadata }) =>
    ({ key: Buffer.from(id), rest: [value(vector), value(metadata)], count: 1 }))
  if (entries.length === 0) return cidOf(dagCbor, dagCbor.encode([0, 0, Buffer.alloc(0), []]))
  for (let level = 0; ; level++) {
    entries = nodesOf(entries, level).map(node => {
      const last = node[node.length - 1].key
      const common = node.length === 1 ? last.length : commonPrefix(node[0].key, last)
      const count = node.reduce((sum, entry) => sum + entry.count, 0)
      const block = dagCbor.encode([level, count, last.subarray(0, common),
        node.map(entry => [entry.key.subarray(common), ...entry.rest])])
      return { key: last, rest: [cidOf(dagCbor, block), count], count }
    })
    if (entries.length === 1) return entries[0].rest[0]
  }
}

export function genesisOf (dim, type, metric, model) {
  const schema = cidOf(dagCbor, dagCbor.encode(['cel-schema', 1, dim, type, metric, model]))
  return cidOf(dagCbor, dagCbor.encode(['cel-commit', 1, schema, treeOf([]), [], 0, 0, '', '']))
}

// The sets of libcore/prolly/test/sets.c, set_plain.
function plainSet (n, dim) {
  return Array.from({ length: n }, (_, i) => ({
    id: `id-${String(i).padStart(6, '0')}`,
    vector: Buffer.from(Float32Array.from({ length: dim }, (_, j) => i + j).buffer),
    metadata: i % 3 === 0 ? Buffer.from(`{"n":${i}}`) : null
  }))
}

function lines (file) {
  return fs.readFileSync(file, 'utf8').trim().split('\n').map(line => line.split(' '))
}

function compare (what, actual, wanted) {
  if (String(actual) !== wanted) throw new Error(`${what}: ${actual}, not ${wanted}`)
}

export function checkGoldenTrees (source) {
  const golden = lines(path.join(source, 'libcore/prolly/test/trees.golden'))
  for (const [n, dim, root] of golden) compare(`${n} records of dim ${dim}`, treeOf(plainSet(+n, +dim)), root)
  return `${golden.length} trees`
}

export function checkGoldenCommits (source) {
  const golden = lines(path.join(source, 'libcore/version/test/commits.golden'))
  for (const [dim, type, metric, model, genesis] of golden) {
    compare(`${dim} ${type} ${metric} ${model}`, genesisOf(+dim, type, metric, model === '-' ? '' : model), genesis)
  }
  return `${golden.length} commits`
}

// Boundaries under hashes that repeat, and so keep runs open: "period hostile n size,size,..." a line.
export function checkGoldenCuts (source) {
  const golden = lines(path.join(source, 'libcore/prolly/test/cuts.golden'))
  for (const [period, hostile, n, sizes] of golden) {
    const number = key => BigInt(key.toString())
    const hash = (level, attempt, key) =>
      attempt < +hostile ? number(key) % BigInt(period) : hashOf(level, attempt, key)
    const entries = Array.from({ length: +n }, (_, i) => ({ key: Buffer.from(String(i).padStart(8, '0')) }))
    compare(`cuts of ${n}, period ${period}, hostile ${hostile}`, nodesOf(entries, 0, hash).map(x => x.length), sizes)
  }
  return `${golden.length} levels`
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const source = process.argv[2]
  for (const check of [checkGoldenTrees, checkGoldenCommits, checkGoldenCuts]) console.log(check.name, check(source))
}
