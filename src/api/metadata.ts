const AS = (kind: string): string => `application/json;as=${kind};g=meta.k8s.io;v=v1`;

/** What to accept, so that of an object only its metadata is ever sent to this process. */
export const METADATA = AS('PartialObjectMetadata');
export const METADATA_LIST = AS('PartialObjectMetadataList');
