//! What the program is made of.

use deno_core::serde_json::{json, Value};
use deno_core::{serde_v8, v8};

use crate::runtime;

/// What `deno-core-app info` prints. The build comes from the heap: it is what the snapshot was made for.
pub(crate) fn report(use_snapshot: bool, as_json: bool) -> Result<String, String> {
    let build = build(use_snapshot)?;
    let size = runtime::SNAPSHOT.len();
    if as_json {
        let snapshot = json!({ "used": use_snapshot, "bytes": size });
        let report = json!({
            "version": build["version"], "v8": build["v8"], "target": build["target"], "snapshot": snapshot,
        });
        return Ok(format!("{report}\n"));
    }
    let text = |name: &str| build[name].as_str().unwrap_or_default().to_owned();
    let used = if use_snapshot { "" } else { ", not used" };
    Ok(format!(
        "deno-core-app  {}\nV8             {}\ntarget         {}\nsnapshot       {size} bytes{used}\n",
        text("version"),
        text("v8"),
        text("target"),
    ))
}

/// `App.build` of a heap that starts for this purpose.
fn build(use_snapshot: bool) -> Result<Value, String> {
    let mut runtime = runtime::start(use_snapshot, Vec::new())?;
    let build = runtime
        .execute_script("<info>", "App.build")
        .map_err(|error| error.to_string())?;
    let scope = &mut runtime.handle_scope();
    let build = v8::Local::new(scope, build);
    serde_v8::from_v8(scope, build).map_err(|error| error.to_string())
}
