// Files of the system; paths are as the process sees them.
import {
  op_app_read_text_file,
  op_app_read_text_file_sync,
  op_app_remove_sync,
  op_app_write_text_file,
} from "ext:core/ops";

export const readTextFileSync = (path) => op_app_read_text_file_sync(path);
export const readTextFile = (path) => op_app_read_text_file(path);
export const writeTextFile = (path, text) => op_app_write_text_file(path, text);
export const removeSync = (path) => op_app_remove_sync(path);
