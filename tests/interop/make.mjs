// SPDX-License-Identifier: Apache-2.0
// Inputs: make.mjs notes|more (JSON Lines) or large (.npy, 3000 x 512 f32), the same every time.
import { pathToFileURL } from 'node:url'

// mulberry32: a small generator with a fixed seed
function generator (seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export function notes (from, to) {
  const random = generator(from + 1)
  const rows = []
  for (let i = from; i < to; i++) {
    const row = { id: `notes/${'ä€🍋'.repeat(i % 5)}/${i}`, vector: [i / 4, 0 - i, Math.fround(random())] }
    if (i % 3 === 0) row.metadata = { z: i, a: [1.5, null, true, { y: '\u0001"\\é', x: {} }], text: 'x'.repeat((i * 7) % 600) }
    rows.push(row)
  }
  return rows
}

export const LARGE = { rows: 3000, dim: 512 }

export function large () {
  const random = generator(7)
  return Float32Array.from({ length: LARGE.rows * LARGE.dim }, () => random() * 2 - 1)
}

function npy (values, { rows, dim }) {
  let header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${dim}), }`
  header += ' '.repeat(63 - ((header.length + 10) % 64)) + '\n'
  const head = Buffer.alloc(10)
  head.write('\x93NUMPY\x01\x00', 'latin1')
  head.writeUInt16LE(header.length, 8)
  return Buffer.concat([head, Buffer.from(header), Buffer.from(values.buffer)])
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const what = process.argv[2]
  if (what === 'large') process.stdout.write(npy(large(), LARGE))
  else {
    const rows = what === 'notes' ? notes(0, 1000) : notes(900, 1100)
    process.stdout.write(rows.map(row => JSON.stringify(row) + '\n').join(''))
  }
}
