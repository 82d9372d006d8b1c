/** Elasticsearch, which keeps spans beyond a restart. */
export interface ElasticsearchSettings {
  readonly url: string;
  readonly username?: string | undefined;
}

/** What decides how Zipkin runs. */
export interface ZipkinSettings {
  /** Spans in memory; with Elasticsearch there are none. */
  readonly maxSpans: number;
  readonly elasticsearch?: object | undefined;
  /** Memory at which it is killed. */
  readonly memoryMiB: number;
}

/** Part of the memory that is the heap. */
const heapShare = 0.55;
/**
 * What the Java machine needs at the least beside its heap: classes, compiled code, threads and buffers. Measured with Zipkin 3.5.1
 * under a stream of spans: 160 MiB.
 */
const besideHeapMiB = 200;
/** Part of the heap for what stays: with -XX:NewRatio=4. */
const oldShare = 0.8;
/** Part of that which spans may fill, so that collecting garbage stays rare. */
const fillShare = 0.85;
/** Of the heap, without any span. */
const idleMiB = 30;
/** A span of the sample app, with its 13 tags, in Zipkin's memory; measured: 2.8 KiB. */
const spanKiB = 3;

/** Heap of a Java machine that may use so much memory in all. */
export function heapMiB(memoryMiB: number): number {
  return Math.floor(Math.min(memoryMiB * heapShare, memoryMiB - besideHeapMiB));
}

/** Spans that there is room for in so much memory. */
export function spansIn(memoryMiB: number): number {
  return Math.floor(((heapMiB(memoryMiB) * oldShare * fillShare - idleMiB) * 1024) / spanKiB);
}

/** The least memory that has room for so many spans. */
export function memoryFor(spans: number): number {
  const heap = ((spans * spanKiB) / 1024 + idleMiB) / oldShare / fillShare;
  return Math.ceil(Math.max(heap / heapShare, heap + besideHeapMiB)) + 2;
}

/** Zipkin's environment, but for its password. */
export function zipkinEnvironment({
  maxSpans,
  elasticsearch,
  memoryMiB,
}: ZipkinSettings & { readonly elasticsearch?: ElasticsearchSettings | undefined }): Record<string, string> {
  const heap = heapMiB(memoryMiB);
  return {
    JAVA_OPTS: [
      `-Xms${heap}m`,
      `-Xmx${heap}m`,
      // The heap is small, so that a collector of garbage without threads and memory of its own does.
      "-XX:+UseSerialGC",
      "-XX:NewRatio=4",
      "-XX:ReservedCodeCacheSize=64m",
      "-XX:MaxDirectMemorySize=32m",
      "-XX:+ExitOnOutOfMemoryError",
      "-XX:-UsePerfData",
    ].join(" "),
    MALLOC_ARENA_MAX: "2",
    ...(elasticsearch === undefined
      ? { STORAGE_TYPE: "mem", MEM_MAX_SPANS: String(maxSpans) }
      : {
          STORAGE_TYPE: "elasticsearch",
          ES_HOSTS: elasticsearch.url,
          ...(elasticsearch.username !== undefined && { ES_USERNAME: elasticsearch.username }),
        }),
  };
}
