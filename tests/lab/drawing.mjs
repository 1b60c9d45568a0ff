// SPDX-License-Identifier: MIT OR Apache-2.0
// What the lab's figures have in common: colours for light and dark pages, a sheet, text.

const STYLE = `
  text { font: 11px system-ui, sans-serif; fill: #57606a }
  .title { font-size: 13px; font-weight: 600; fill: #1f2328 }
  .name { font-family: ui-monospace, monospace }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .good { fill: #2da44e } .bad { fill: #cf222e } .none { fill: #d0d7de }
  .written { fill: none; stroke: #1f2328; stroke-width: 1.5 }
  .allowed { fill: none; stroke: #0969da; stroke-width: 1.5; stroke-dasharray: 3 2 }
  .first { stroke: #0969da; fill: #0969da } .second { stroke: #bc4c00; fill: #bc4c00 } .third { stroke: #8250df; fill: #8250df }
  .fourth { stroke: #1a7f37; fill: #1a7f37 }
  path { fill: none !important; stroke-width: 2; stroke-linejoin: round }
  .edge { stroke: #8c959f; stroke-width: 1.3 }
  .box { fill: #f6f8fa; stroke: #8c959f } .camera { fill: #fff8c5 } .peer { fill: #ddf4ff } .signalling { fill: #fbefff }
  .label { font-weight: 600; stroke: none !important }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .title { fill: #f0f6fc } .grid { stroke: #3d444d } .none { fill: #3d444d }
    .written { stroke: #f0f6fc } .allowed { stroke: #4493f8 }
    .first { stroke: #4493f8; fill: #4493f8 } .second { stroke: #db6d28; fill: #db6d28 } .third { stroke: #ab7df8; fill: #ab7df8 }
    .fourth { stroke: #3fb950; fill: #3fb950 }
    .box { fill: #151b23; stroke: #656c76 } .camera { fill: #272115 } .peer { fill: #10233f } .signalling { fill: #231b33 }
  }`;

export const COLOURS = ['first', 'second', 'third', 'fourth'];
export const fixed = (value) => Number(value.toFixed(1));
const escaped = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;');

export const text = (x, y, words, { kind = '', anchor = 'start' } = {}) =>
  `<text${kind && ` class="${kind}"`} x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}">${escaped(words)}</text>`;

export const group = (x, y, parts) => `<g transform="translate(${fixed(x)} ${fixed(y)})">\n${parts.join('\n')}\n</g>`;

export const path = (points, kind) => (points.length ? `<path class="${kind}" d="M${points.map(([x, y]) => `${fixed(x)} ${fixed(y)}`).join('L')}"/>` : '');

export const sheet = (width, height, label, parts) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(label)}">
<style>${STYLE}</style>
${parts.join('\n')}
</svg>
`;
