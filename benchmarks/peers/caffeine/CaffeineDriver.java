import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongFunction;
import java.util.function.ToDoubleFunction;

/**
 * Caffeine through the requests that bench_memory writes: FOLDER CASE caffeine. Prints lines
 * "case<TAB>subject<TAB>metric<TAB>unit<TAB>numbers". Its upkeep runs on the threads that ask, so that their time contains it.
 */
final class CaffeineDriver {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static volatile long sink; // what the loops read goes here, so that they read it

  record Sample(double seconds, double cpuSeconds, long hits) {}

  private final Requests requests;
  private final String name;

  private CaffeineDriver(Requests requests, String name) {
    this.requests = requests;
    this.name = name;
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments.length != 3 || !arguments[2].equals("caffeine")) {
      System.err.println("usage: CaffeineDriver FOLDER CASE caffeine");
      System.exit(2);
    }
    new CaffeineDriver(new Requests(Path.of(arguments[0])), arguments[1]).run();
  }

  private void run() throws Exception {
    switch (name) {
      case "memory" -> memory();
      case "get_u64" -> readResident(Requests::numberKey);
      case "get_str32" -> readResident(Requests::textKey);
      case "evicting" -> {
        Cache<Object, Long> cache = filled(requests.keys / 2, Requests::numberKey);
        report(1, which -> {
          Object[] keys = requests.latest(which);
          return alone(() -> getAndPut(cache, keys));
        });
      }
      case "mixed_u64" -> {
        Cache<Object, Long> cache = warm();
        report(1, which -> {
          Object[] keys = requests.flatter(which);
          return alone(() -> getOrPut(cache, keys));
        });
      }
      case "two_threads_read" -> twoThreads(CaffeineDriver::get);
      case "two_threads_95_5" -> twoThreads(CaffeineDriver::getAndPut);
      case "two_threads_mixed" -> {
        Cache<Object, Long> cache = warm();
        report(2, which -> {
          Object[] keys = requests.flatter(which);
          Object[] others = requests.flatter(requests.beside(which));
          return pair(() -> getOrPut(cache, keys), () -> getOrPut(cache, others));
        });
      }
      default -> { }
    }
  }

  private static Cache<Object, Long> cacheOf(int capacity) {
    return Caffeine.newBuilder().maximumSize(capacity).executor(Runnable::run).build();
  }

  private Cache<Object, Long> filled(int capacity, LongFunction<?> key) {
    Cache<Object, Long> cache = cacheOf(capacity);
    for (long number = 0; number < requests.keys; ++number) cache.put(key.apply(number), number);
    cache.cleanUp();
    return cache;
  }

  private Cache<Object, Long> warm() {
    Cache<Object, Long> cache = cacheOf(requests.keys / 10);
    getOrPut(cache, requests.warmUp());
    return cache;
  }

  private static long get(Cache<Object, Long> cache, Object[] keys) {
    long hits = 0;
    long sum = 0;
    for (Object key : keys) {
      Long value = cache.getIfPresent(key);
      if (value != null) {
        ++hits;
        sum += value;
      }
    }
    sink = sum;
    return hits;
  }

  private static long getOrPut(Cache<Object, Long> cache, Object[] keys) {
    long hits = 0;
    long sum = 0;
    for (Object key : keys) {
      Long value = cache.getIfPresent(key);
      if (value != null) {
        ++hits;
        sum += value;
      } else {
        cache.put(key, sum);
      }
    }
    sink = sum;
    return hits;
  }

  private static long getAndPut(Cache<Object, Long> cache, Object[] keys) {
    long hits = 0;
    long sum = 0;
    for (int i = 0; i < keys.length; ++i) {
      if (i % Requests.PUT_EVERY != Requests.PUT_EVERY - 1) {
        Long value = cache.getIfPresent(keys[i]);
        if (value != null) {
          ++hits;
          sum += value;
        }
      } else {
        cache.put(keys[i], (long) i);
        ++hits;
      }
    }
    sink = sum;
    return hits;
  }

  private void readResident(LongFunction<?> key) throws Exception {
    Cache<Object, Long> cache = filled(requests.keys + requests.keys / 4, key);
    report(1, which -> {
      Object[] keys = requests.skewed(which, key);
      return alone(() -> get(cache, keys));
    });
  }

  private interface Work {
    long of(Cache<Object, Long> cache, Object[] keys);
  }

  private void twoThreads(Work work) throws Exception {
    Cache<Object, Long> cache = filled(requests.keys + requests.keys / 4, Requests::numberKey);
    report(2, which -> {
      Object[] keys = requests.skewed(which, Requests::numberKey);
      Object[] others = requests.skewed(requests.beside(which), Requests::numberKey);
      return pair(() -> work.of(cache, keys), () -> work.of(cache, others));
    });
  }

  private interface Hits {
    long count();
  }

  private static Sample alone(Hits work) {
    long begin = THREADS.getCurrentThreadCpuTime();
    long hits = work.count();
    double seconds = (THREADS.getCurrentThreadCpuTime() - begin) * 1e-9;
    return new Sample(seconds, seconds, hits);
  }

  private static Sample pair(Hits first, Hits second) throws InterruptedException {
    AtomicInteger ready = new AtomicInteger();
    long[] begins = new long[2];
    long[] ends = new long[2];
    Sample[] samples = new Sample[2];
    Thread[] threads = new Thread[2];
    for (int t = 0; t < 2; ++t) {
      int index = t;
      Hits work = t == 0 ? first : second;
      threads[t] = new Thread(() -> {
        ready.incrementAndGet();
        while (ready.get() != 2) Thread.onSpinWait();
        begins[index] = System.nanoTime();
        samples[index] = alone(work);
        ends[index] = System.nanoTime();
      });
      threads[t].start();
    }
    for (Thread thread : threads) thread.join();
    double wall = (Math.max(ends[0], ends[1]) - Math.min(begins[0], begins[1])) * 1e-9;
    return new Sample(wall, (samples[0].cpuSeconds() + samples[1].cpuSeconds()) / 2, samples[0].hits() + samples[1].hits());
  }

  private static double usedBytes() throws InterruptedException {
    for (int i = 0; i < 3; ++i) {
      System.gc();
      Thread.sleep(50);
    }
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  /** Of the heap, keys and values included, which are objects of their own here. */
  private void memory() throws InterruptedException {
    double before = usedBytes();
    Cache<Object, Long> cache = filled(requests.keys + requests.keys / 10, Requests::numberKey);
    double each = (usedBytes() - before) / requests.keys;
    sink = cache.estimatedSize();
    line("memory", "bytes/entry", String.format(Locale.ROOT, "%.1f", each));
  }

  private interface Run {
    Sample of(int which) throws Exception;
  }

  /** Runs the chunks; the first is not counted, and runs three times, until its loop is compiled. */
  private void report(int threads, Run run) throws Exception {
    for (int i = 0; i < 3; ++i) run.of(0);
    List<Sample> samples = new ArrayList<>();
    for (int which = 1; which <= requests.chunks; ++which) samples.add(run.of(which));
    double count = (double) requests.chunk * threads;
    line("time", "ns/op", nanoseconds(samples, count, Sample::seconds));
    if (threads > 1) line("cpu time", "ns/op", nanoseconds(samples, count, Sample::cpuSeconds));
    double hits = samples.stream().mapToLong(Sample::hits).sum();
    line("hit ratio", "1", String.format(Locale.ROOT, "%.4f", hits / (count * samples.size())));
  }

  private static String nanoseconds(List<Sample> samples, double count, ToDoubleFunction<Sample> of) {
    List<String> numbers = new ArrayList<>();
    for (Sample sample : samples) numbers.add(String.format(Locale.ROOT, "%.2f", of.applyAsDouble(sample) * 1e9 / count));
    return String.join(" ", numbers);
  }

  private void line(String metric, String unit, String numbers) {
    System.out.println(String.join("\t", name, "caffeine", metric, unit, numbers));
  }
}
