//! What the program is made of.

use std::env::consts::ARCH;

use pico_runtime::{Error, Runtime, VERSION};

/// The report that `pico info` prints. `use_snapshot`: whether the runtime was to start from the snapshot.
pub(crate) fn report(runtime: &Runtime, use_snapshot: bool, json: bool) -> Result<String, Error> {
    let v8 = pico_runtime::v8_version();
    // From the heap and not from the binary: this is what the snapshot was made for.
    let target = runtime.target()?;
    let size = pico_snapshot::snapshot().map(<[u8]>::len);
    let used = use_snapshot && size.is_some();
    Ok(if json {
        // None of these values holds anything that JSON would want escaped.
        let size = size.map_or_else(|| "null".to_owned(), |size| size.to_string());
        format!(
            "{{\"version\":\"{VERSION}\",\"v8\":\"{v8}\",\"target\":\"{target}\",\"arch\":\"{ARCH}\",\
             \"snapshot\":{{\"used\":{used},\"bytes\":{size}}}}}\n"
        )
    } else {
        let snapshot = match size {
            Some(size) if used => format!("{size} bytes"),
            Some(size) => format!("{size} bytes, not used"),
            None => "none".to_owned(),
        };
        format!("pico      {VERSION}\nV8        {v8}\ntarget    {target}\nsnapshot  {snapshot}\n")
    })
}
