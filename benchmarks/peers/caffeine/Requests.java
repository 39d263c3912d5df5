import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongFunction;

/** The requests of a run as bench_memory --draws writes them (benchmarks/memory/draws.hpp), and the keys of their ranks. */
final class Requests {
  static final int PUT_EVERY = 20;

  final int keys;
  final int chunk;
  final int chunks;
  private final IntBuffer zipf99;
  private final IntBuffer zipf90;

  Requests(Path folder) throws IOException {
    Map<String, Integer> shape = new HashMap<>();
    for (String line : Files.readAllLines(folder.resolve("shape.txt"))) {
      String[] words = line.split(" ");
      shape.put(words[0], Integer.valueOf(words[1]));
    }
    keys = shape.get("keys");
    chunk = shape.get("chunk");
    chunks = shape.get("chunks");
    zipf99 = ranks(folder.resolve("zipf_99.u32"), (1 + chunks) * chunk);
    zipf90 = ranks(folder.resolve("zipf_90.u32"), 2 * keys + (1 + chunks) * chunk);
  }

  private static IntBuffer ranks(Path file, int expected) throws IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      IntBuffer ranks = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size()).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
      if (ranks.limit() != expected) throw new IOException(file + " has not the length that shape.txt says");
      return ranks;
    }
  }

  /** As splitmix in bench_memory's workload.cpp. */
  private static long splitmix(long number) {
    long x = number + 0x9e3779b97f4a7c15L;
    x = (x ^ (x >>> 30)) * 0xbf58476d1ce4e5b9L;
    x = (x ^ (x >>> 27)) * 0x94d049bb133111ebL;
    return x ^ (x >>> 31);
  }

  static Long numberKey(long number) {
    return splitmix(number);
  }

  static String textKey(long number) {
    StringBuilder text = new StringBuilder(32);
    hex(splitmix(number), text);
    hex(number, text);
    return text.toString();
  }

  private static void hex(long number, StringBuilder text) {
    for (int shift = 60; shift >= 0; shift -= 4) text.append(Character.forDigit((int) (number >>> shift) & 15, 16));
  }

  private static Object[] keysOf(IntBuffer ranks, int from, int count, LongFunction<?> key) {
    Object[] keys = new Object[count];
    for (int i = 0; i < count; ++i) keys[i] = key.apply(Integer.toUnsignedLong(ranks.get(from + i)));
    return keys;
  }

  Object[] skewed(int which, LongFunction<?> key) {
    return keysOf(zipf99, which * chunk, chunk, key);
  }

  Object[] warmUp() {
    return keysOf(zipf90, 0, 2 * keys, Requests::numberKey);
  }

  Object[] flatter(int which) {
    return keysOf(zipf90, 2 * keys + which * chunk, chunk, Requests::numberKey);
  }

  /** Each 20th is a put of a key that never was, the others get a key by its age. */
  Object[] latest(int which) {
    Object[] result = new Object[chunk];
    for (int i = 0; i < chunk; ++i) {
      int request = which * chunk + i;
      long newest = keys - 1 + request / PUT_EVERY;
      boolean put = request % PUT_EVERY == PUT_EVERY - 1;
      result[i] = numberKey(put ? newest + 1 : newest - Integer.toUnsignedLong(zipf99.get(request)));
    }
    return result;
  }

  /** Who runs beside a chunk on the second thread. */
  int beside(int which) {
    return which == 0 ? chunks : which - 1;
  }
}
