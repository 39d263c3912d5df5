// links: larder::artifact
// Asking a provider once: which package for this model, these backends and this key? And which content a folder has.
#include <larder/artifact/file_identity.hpp>
#include <larder/artifact/resolution_cache.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

using namespace std::chrono_literals;

namespace {

bool all_good = true;

void expect(bool good, const char* what) {
  std::cout << (good ? "ok: " : "WRONG: ") << what << '\n';
  all_good = all_good && good;
}

/// What a provider chooses. Types that are no text, no number and no vector of numbers say themselves how they become bytes.
struct package_choice {
  std::string package;
  std::string file;
};

}  // namespace

template <>
struct larder::codec<package_choice> {
  static bytes encode(const package_choice& choice) {
    const std::string text = choice.package + '\n' + choice.file;
    return bytes::copy_of(text.data(), text.size());
  }
  static package_choice decode(const bytes& encoded) {
    const std::string_view text = encoded.text();
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) throw larder::error(larder::error_cause::codec, "no line in a package_choice");
    return {std::string(text.substr(0, end)), std::string(text.substr(end + 1))};
  }
};

int main() {
  namespace fs = std::filesystem;
  const fs::path home = ".cache/resolution";
  fs::remove_all(home);

  // A provider, far away and slow as a rule. This one counts.
  int calls = 0;
  bool reachable = true;
  const auto negotiate = [&](const larder::request& asked) {
    ++calls;
    if (!reachable) throw larder::error(larder::error_cause::network, "the provider does not answer");
    const fs::path file = home / "model.onnx";
    std::ofstream(file) << "weights";
    std::cout << "asked for " << asked.text() << '\n';
    return package_choice{"yolov8n-640-onnx", file.string()};
  };

  larder::manual_clock now(larder::wall_time::now());  // so that this program need not run for a day
  const larder::resolution_options<package_choice> options{
      .expiry = 24h,
      .grace = 7 * 24h,
      .valid = [](const package_choice& choice) { return fs::exists(choice.file); },
      .time = larder::time_source{now},
  };
  larder::resolution_cache<package_choice> resolved{home, options};
  const auto asked = [](std::string_view key, int batch_size = 1) {
    return larder::request{}
        .field("model_id", "yolov8n-640")
        .field("batch_size", batch_size)
        .unordered("backends", {"onnx", "trt"})
        .secret("api_key", larder::secret(key));
  };

  const auto choice = resolved.resolve(asked("key-of-ada"), negotiate);
  expect(choice.package == "yolov8n-640-onnx" && !choice.from_cache(), "the provider answers");
  expect(resolved.resolve(asked("key-of-ada"), negotiate).from_cache() && calls == 1, "the second time nobody asks it");
  {
    const larder::request other_way = larder::request{}
                                          .secret("api_key", "key-of-ada")
                                          .unordered("backends", {"TRT", "onnx"})
                                          .field("batch_size", 1)
                                          .field("model_id", "yolov8n-640");
    expect(resolved.resolve(other_way, negotiate).from_cache(), "in whichever order it is said");
  }
  resolved.resolve(asked("key-of-bob"), negotiate);
  expect(calls == 2, "another key is another answer");
  std::cout << resolved.explain(asked("key-of-ada", 8)) << '\n';

  fs::remove(choice.file);
  expect(!resolved.resolve(asked("key-of-ada"), negotiate).from_cache(), "a file that is gone is noticed");

  now += 30h;
  reachable = false;
  const auto stale = resolved.resolve(asked("key-of-ada"), negotiate);
  expect(stale.is_stale() && stale.age() == 30h, "when the provider is away, yesterday's answer is served and says so");
  std::cout << resolved.explain(asked("key-of-ada")) << '\n';

  larder::resolution_options<package_choice> travelling = options;
  travelling.offline = true;
  larder::resolution_cache<package_choice> offline{home, travelling};
  calls = 0;
  expect(offline.resolve(asked("key-of-bob"), negotiate).package == "yolov8n-640-onnx" && calls == 0, "offline, nobody is asked");
  try {
    offline.resolve(asked("key-of-eve"), negotiate);
    expect(false, "what is missing offline is an error");
  } catch (const larder::error& e) {
    std::cout << e.what() << '\n';
    expect(e.cause() == larder::error_cause::network, "what is missing offline is an error that names it");
  }

  std::string everything;
  for (const auto& file : fs::recursive_directory_iterator(home))
    if (file.is_regular_file()) {
      std::ifstream in(file.path(), std::ios::binary);
      everything.append(std::istreambuf_iterator<char>(in), {});
    }
  expect(everything.find("key-of-") == std::string::npos, "no key is in any file");

  const larder::resolution_stats stats = resolved.stats();
  std::cout << stats.hits << " hits, " << stats.misses << " misses, " << stats.stale << " stale, " << stats.invalid
            << " not valid any more\n";

  // Which content a folder has: read once, then known by what the file system says of its files.
  fs::create_directories(home / "model" / "tokenizer");
  std::ofstream(home / "model" / "weights.bin") << std::string(1'000'000, 'w');
  std::ofstream(home / "model" / "tokenizer" / "vocabulary.txt") << "a\nb\n";
  larder::manual_clock later(larder::wall_time::now() + 1h);  // files that were changed just now are not remembered
  larder::file_identifier identifier{home / "digests", {.time = larder::time_source{later}}};
  const larder::file_identity first = identifier.identify(home / "model");
  const larder::file_identity again = identifier.identify(home / "model");
  std::cout << first.digest.text() << ", " << first.files.size() << " files\n";
  expect(first.read == 1'000'004 && again.read == 0 && again.digest == first.digest, "a folder is read once");
  return all_good ? 0 : 1;
}
