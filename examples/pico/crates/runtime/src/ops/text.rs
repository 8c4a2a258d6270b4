//! UTF-8.

use pico_v8::{Args, Boolean, Bytes, Scope};

use super::{string_argument, Failure, Outcome};

/// `encodeUtf8(text)`: a Uint8Array.
pub(super) fn encode<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    let text = string_argument(scope, args, 0, "text")?;
    Ok(scope.bytes(text.as_bytes()).value())
}

/// `decodeUtf8(bytes, fatal)`: malformed input is replaced, or thrown at if `fatal`.
pub(super) fn decode<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    let bytes = args
        .get(0)
        .cast::<Bytes>()
        .ok_or_else(|| Failure::type_error("input must be a view of an ArrayBuffer"))?
        .to_vec();
    let fatal = args.get(1).cast::<Boolean>().is_some_and(|flag| flag.get());
    if fatal {
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Failure::type_error("The encoded data is not valid UTF-8"))?;
        return Ok(scope.string(text)?.value());
    }
    Ok(scope.string(&String::from_utf8_lossy(&bytes))?.value())
}
