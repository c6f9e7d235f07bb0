// Where a file's bytes are at the hub.

import { BLOB_PATH, type BlobId, type TaskId } from "$/api/generated/proto";

export function blobPath(task: TaskId, blob: BlobId): string {
  return BLOB_PATH.replace("{task}", encodeURIComponent(task)).replace("{blob}", encodeURIComponent(blob));
}
