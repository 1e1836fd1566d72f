// Parameters of a trained model: they come as a script, because a page from the disk may fetch nothing.

const HOME = /** @type {any} */ (globalThis.document?.currentScript)?.src ?? "";
/** @type {Record<string, {text?: string, wait?: Promise<any>, done?: (text: string) => void}>} */
const PARCELS = {};

/** What a script of parameters calls: safetensors in base64. @param {string} name @param {string} text */
export function receive(name, text) {
  const parcel = (PARCELS[name] ??= {});
  parcel.text = text;
  parcel.done?.(text);
}

/**
 * The tensors of a model, once they are here; they are asked for when this is first called.
 * @param {string} name @returns {Promise<Record<string, Tensor>>}
 */
export function parameters(name) {
  const parcel = (PARCELS[name] ??= {});
  parcel.wait ??= loaded().then(() => new Promise((resolve, reject) => {
    if (parcel.text) return resolve(parcel.text);
    parcel.done = resolve;
    const script = document.createElement("script");
    script.src = new URL(`touch-${name}.js`, HOME || document.baseURI).href;
    script.onerror = () => reject(new Error(`${script.src} did not come`));
    document.head.append(script);
  })).then(unpack);
  return parcel.wait;
}

/** The page is read to its end: until then, its own script of parameters may still come. */
const loaded = () => new Promise((resolve) => {
  if (globalThis.document?.readyState !== "loading") return resolve(0);
  document.addEventListener("DOMContentLoaded", resolve, { once: true });
});

/**
 * Ask for a model once the element that needs it is in view.
 * @param {HTMLElement} element @param {string} name @param {(all: Record<string, Tensor>) => void} use
 * @param {Element} answer where it is said that the model did not come
 */
export function whenSeen(element, name, use, answer) {
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watch.disconnect();
    parameters(name).then((all) => {
      use(all);
      element.setAttribute("awake", "");
    }, (error) => answer.replaceChildren(`The model did not come: ${error.message}`));
  });
  watch.observe(element);
}

/**
 * @typedef {{shape: number[], data: Float32Array}} Tensor
 * @param {string} text safetensors in base64, of float16 or float32
 * @returns {Record<string, Tensor>}
 */
export function unpack(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  const view = new DataView(bytes.buffer);
  const start = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  /** @type {Record<string, Tensor>} */ const tensors = {};
  delete header.__metadata__;
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    const [from, to] = data_offsets;
    const size = dtype === "F16" ? 2 : 4;
    const data = new Float32Array((to - from) / size);
    for (let i = 0; i < data.length; i++) {
      const at = start + from + i * size;
      data[i] = size === 2 ? half(view.getUint16(at, true)) : view.getFloat32(at, true);
    }
    tensors[name] = { shape, data };
  }
  return tensors;
}

/** A number of 16 bits. @param {number} bits */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const rest = bits & 1023;
  if (!exponent) return sign * rest * 2 ** -24;
  return exponent === 31 ? (rest ? NaN : sign * Infinity) : sign * (1 + rest / 1024) * 2 ** (exponent - 15);
}
