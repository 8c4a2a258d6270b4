//! The extension `app`: operations in Rust, and the JavaScript that makes an API of them.
//!
//! The build script and the program both compile this module, and must: a snapshot knows the operations by their place
//! in the table.

mod files;
mod surroundings;
mod text;
mod time;

pub(crate) use surroundings::Surroundings;

deno_core::extension!(
    app,
    ops = [
        files::op_app_read_text_file,
        files::op_app_read_text_file_sync,
        files::op_app_write_text_file,
        files::op_app_remove_sync,
        surroundings::op_app_args,
        surroundings::op_app_build,
        surroundings::op_app_env,
        surroundings::op_app_exit,
        text::op_app_crc32,
        text::op_app_is_ascii,
        time::op_app_now,
        time::op_app_sleep,
    ],
    esm_entry_point = "ext:app/99_main.js",
    esm = [
        dir "src/js",
        "01_inspect.js",
        "02_console.js",
        "03_timers.js",
        "04_text.js",
        "05_files.js",
        "99_main.js",
    ],
    options = { surroundings: Surroundings },
    state = |state, options| state.put(options.surroundings),
);
