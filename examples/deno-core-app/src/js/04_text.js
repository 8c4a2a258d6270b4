// UTF-8 and checksums.
import { op_app_crc32, op_app_is_ascii } from "ext:core/ops";
import { core, primordials } from "ext:core/mod.js";

const { String, TypedArrayPrototypeGetLength, Uint8Array } = primordials;

export class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    return core.encode(String(text));
  }
}

export class TextDecoder {
  get encoding() {
    return "utf-8";
  }

  decode(bytes = new Uint8Array()) {
    // Not for nothing: V8 would hand an empty view's missing memory to the decoder.
    return TypedArrayPrototypeGetLength(bytes) === 0 ? "" : core.decode(bytes);
  }
}

// Of a string its UTF-8 is meant.
export function crc32(data) {
  return op_app_crc32(typeof data === "string" ? core.encode(data) : data);
}

export const isAscii = (text) => op_app_is_ascii(String(text));
