//! Files, at once and behind promises.

use std::io;

use deno_core::op2;
use deno_error::JsErrorBox;

fn explain(path: &str, error: &io::Error) -> JsErrorBox {
    JsErrorBox::generic(format!("{path}: {error}"))
}

#[op2]
#[string]
pub(super) fn op_app_read_text_file_sync(#[string] path: &str) -> Result<String, JsErrorBox> {
    std::fs::read_to_string(path).map_err(|error| explain(path, &error))
}

#[op2(async)]
#[string]
pub(super) async fn op_app_read_text_file(#[string] path: String) -> Result<String, JsErrorBox> {
    let text = tokio::fs::read_to_string(&path).await;
    text.map_err(|error| explain(&path, &error))
}

#[op2(async)]
pub(super) async fn op_app_write_text_file(
    #[string] path: String,
    #[string] text: String,
) -> Result<(), JsErrorBox> {
    let written = tokio::fs::write(&path, text).await;
    written.map_err(|error| explain(&path, &error))
}

#[op2(fast)]
pub(super) fn op_app_remove_sync(#[string] path: &str) -> Result<(), JsErrorBox> {
    std::fs::remove_file(path).map_err(|error| explain(path, &error))
}
