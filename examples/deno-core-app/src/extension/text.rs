//! Operations that V8's optimised code calls directly (fast calls), without going through its API.

use deno_core::op2;

/// CRC-32 as in zip files (polynomial 0xEDB88320, reflected).
#[op2(fast)]
pub(super) fn op_app_crc32(#[buffer] bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let mask = (crc & 1).wrapping_neg();
            (crc >> 1) ^ (0xEDB8_8320 & mask)
        })
    };
    !bytes.iter().fold(!0, step)
}

#[op2(fast)]
pub(super) fn op_app_is_ascii(#[string] text: &str) -> bool {
    text.is_ascii()
}
