// TextEncoder and TextDecoder, for UTF-8.
"use strict";

const {
  RangeError, RegExpPrototypeExec, StringPrototypeCharCodeAt, StringPrototypeSlice, StringPrototypeToLowerCase,
  StringPrototypeTrim, TypeError, Uint8Array,
} = internals.primordials;
const { classify, decodeUtf8, encodeUtf8 } = internals.ops;

const UTF8_LABEL = /^(?:utf-?8|unicode-1-1-utf-8|unicode11utf8|unicode20utf8|x-unicode20utf8)$/;
const BYTE_ORDER_MARK = 0xfeff;

class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(input = "") {
    return encodeUtf8(`${input}`);
  }
}

class TextDecoder {
  #fatal;
  #ignoreBOM;

  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    const known = RegExpPrototypeExec(UTF8_LABEL, StringPrototypeToLowerCase(StringPrototypeTrim(`${label}`)));
    if (known === null) throw new RangeError(`The encoding '${label}' is not supported, only utf-8`);
    this.#fatal = !!fatal;
    this.#ignoreBOM = !!ignoreBOM;
  }

  get encoding() {
    return "utf-8";
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(input = new Uint8Array(0), { stream = false } = {}) {
    if (stream) throw new TypeError("TextDecoder does not support streams");
    const bytes = classify(input) === "ArrayBuffer" ? new Uint8Array(input) : input;
    const text = decodeUtf8(bytes, this.#fatal);
    const marked = !this.#ignoreBOM && StringPrototypeCharCodeAt(text, 0) === BYTE_ORDER_MARK;
    return marked ? StringPrototypeSlice(text, 1) : text;
  }
}

internals.defineGlobals({ TextEncoder, TextDecoder });
