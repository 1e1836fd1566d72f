import { MAPS } from "./maps.mjs"; // written by script.py, from matplotlib's own tables

/** @type {Record<string, string>} */
const tables = {};

/**
 * The colour that matplotlib paints for a value: "#rrggbb".
 * @param {string} map @param {number} value from 0 to 1; what lies beyond takes the colour of the end
 */
export function colour(map, value) {
  tables[map] ??= Array.from(atob(MAPS[/** @type {"viridis"} */ (map)]), (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  const place = Math.max(0, Math.min(255, Math.floor(value * 256)));
  return `#${tables[map].slice(6 * place, 6 * place + 6)}`;
}

/** Black or white, whichever stands out more from a colour (WCAG 2). @param {string} paper */
export function inkOn(paper) {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const part = parseInt(paper.slice(i, i + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
}
