// links: larder::dataset
// A training that may be killed at any time. It learns to spell names, three times through all of them; it is killed twice, goes on each
// time where its last checkpoint was, with another number of threads, and ends with the same weights, bit for bit, as a run that nobody
// disturbed. For that, weights and the position of the stream are all that a checkpoint has to hold: the order of the samples is a
// function of seed and epoch, what is random about a sample one of seed, epoch and sample.
//
//     15_training [FILE]     a name on each line; else names.txt of the real inputs (LARDER_SHARED_DIR, ../shared), else made-up ones
#include <larder/core/units.hpp>
#include <larder/dataset/dataset_cache.hpp>
#include <larder/dataset/text_lines.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

using namespace larder::literals;
namespace fs = std::filesystem;

namespace {

// ---- Samples.

using tokens = std::vector<std::uint8_t>;  // 1 to 26: the letters of a name
constexpr std::uint8_t border = 0;         // what is before and behind a name
constexpr std::uint8_t blot = 27;          // a letter that cannot be read
constexpr std::size_t symbols = 28;

/// What is made once of each line, and cached.
tokens tokens_of(std::string_view line) {
  tokens name;
  for (const char c : line)
    if (c >= 'a' && c <= 'z') name.push_back(static_cast<std::uint8_t>(c - 'a' + 1));
  name.push_back(border);
  return name;
}

/// What is done to a sample each time that it is used. All that is random has to come from `random`.
tokens with_blots(tokens name, larder::sample_random& random) {
  for (std::uint8_t& token : name)
    if (token != border && random.uniform() < 0.05) token = blot;
  return name;
}

// ---- The model: a softmax over the next letter, by the three before it.

constexpr std::size_t reach = 3;

struct model {
  std::array<float, reach * symbols * symbols> weights{};  // [distance][letter there][next letter]
  double loss = 0;                                         // of this epoch, in nats, summed over its letters
  std::uint64_t letters = 0;

  /// A step down the gradient, by the samples of a batch.
  void learn(const larder::batch<tokens>& batch) {
    std::array<float, reach * symbols * symbols> gradient{};
    std::uint64_t count = 0;
    for (const tokens& name : batch) {
      std::array<std::uint8_t, reach> before{};
      for (const std::uint8_t next : name) {
        if (next != blot) {
          std::array<float, symbols> chance{};
          for (std::size_t d = 0; d < reach; ++d)
            for (std::size_t s = 0; s < symbols; ++s) chance[s] += weights[row(d, before[d]) + s];
          softmax(chance);
          loss -= std::log(static_cast<double>(chance[next]));
          chance[next] -= 1;
          for (std::size_t d = 0; d < reach; ++d)
            for (std::size_t s = 0; s < symbols; ++s) gradient[row(d, before[d]) + s] += chance[s];
          ++count;
        }
        before = {next, before[0], before[1]};
      }
    }
    letters += count;
    const float rate = count == 0 ? 0.0F : 2.0F / static_cast<float>(batch.epoch() + 1) / static_cast<float>(count);
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] -= rate * gradient[i];
  }
  void begin_epoch() {
    loss = 0;
    letters = 0;
  }

 private:
  static constexpr std::size_t row(std::size_t distance, std::uint8_t letter) { return (distance * symbols + letter) * symbols; }
  static void softmax(std::array<float, symbols>& of) {
    const float most = *std::max_element(of.begin(), of.end());
    float sum = 0;
    for (float& x : of) sum += x = std::exp(x - most);
    for (float& x : of) x /= sum;
  }
};
static_assert(std::is_trivially_copyable_v<model>);

// ---- Checkpoints: the model, and which sample comes next.

struct checkpoint {
  model state;
  larder::stream_position next;
};

/// Written beside the last one and then renamed over it: whenever the process dies, one of the two is there, and whole. (Against a power cut
/// the file would have to be synchronised before it is renamed.)
void save(const fs::path& path, const checkpoint& at) {
  const fs::path unfinished = path.string() + ".unfinished";
  {
    const auto position = at.next.encode();
    std::ofstream file(unfinished, std::ios::binary);
    file.write(reinterpret_cast<const char*>(position.data()), static_cast<std::streamsize>(position.size()));
    file.write(reinterpret_cast<const char*>(&at.state), sizeof at.state);
    file.close();
    if (!file) throw std::runtime_error("cannot write " + unfinished.string());
  }
  fs::rename(unfinished, path);
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Nothing when no checkpoint was written yet.
std::optional<checkpoint> load(const fs::path& path) {
  if (!fs::exists(path)) return std::nullopt;
  const std::string content = read_file(path);
  checkpoint at;
  if (content.size() != larder::stream_position::encoded_size + sizeof at.state)
    throw std::runtime_error(path.string() + " is no checkpoint");
  const auto position =
      larder::stream_position::decode(std::as_bytes(std::span(content)).first(larder::stream_position::encoded_size));
  if (!position) throw std::runtime_error(path.string() + ": its position is damaged");
  at.next = *position;
  std::memcpy(&at.state, content.data() + larder::stream_position::encoded_size, sizeof at.state);
  return at;
}

// ---- The training.

constexpr std::uint64_t epochs = 3;
constexpr std::size_t never = static_cast<std::size_t>(-1);

/// Goes on from the folder's checkpoint, or begins, and ends when all epochs are done or, by SIGKILL, when it has seen so many batches.
/// Whether the cache did what it should: every sample is made in the first epoch and found in the others.
bool train(const fs::path& folder, const fs::path& file, std::size_t workers, std::size_t batches_to_live) {
  larder::dataset_cache<tokens> samples{larder::mmap_disk{folder / "samples"}, larder::max_bytes{64_MiB}};
  const larder::text_lines names{file, {.block_size = 16_KiB}};

  model state;
  std::optional<larder::stream_position> from;
  if (const std::optional<checkpoint> last = load(folder / "checkpoint")) {
    state = last->state;
    from = last->next;
  }

  bool found_all = true;
  for (std::uint64_t epoch = from ? from->epoch : 0; epoch < epochs; ++epoch) {
    if (!from) state.begin_epoch();
    auto stream = samples.stream(names, larder::preprocess{"tokens-v1", tokens_of}, larder::not_cached{with_blots},
                                 {.workers = workers, .shuffle = true, .seed = 17, .epoch = epoch, .from = from});
    std::size_t batches = 0;
    for (const larder::batch<tokens>& batch : stream) {
      state.learn(batch);
      if (++batches % 50 == 0) save(folder / "checkpoint", {state, batch.position()});
      if (batches_to_live-- == 0) std::raise(SIGKILL);
    }
    save(folder / "checkpoint", {state, stream.position()});

    const larder::dataset_stats seen = stream.stats();
    std::printf(
        "  epoch %d%s, %zu workers: loss %.4f, %llu samples, %.1f %% of them found in the cache, waited %.1f ms for batches\n",
        static_cast<int>(epoch), from ? " (the rest)" : "", workers, state.loss / static_cast<double>(state.letters),
        static_cast<unsigned long long>(seen.samples), 100 * seen.hit_ratio(),
        std::chrono::duration<double, std::milli>(seen.stall_time).count());
    std::fflush(stdout);  // a killed process does not
    if (epoch > 0) found_all = found_all && seen.made == 0;
    from.reset();
  }
  return found_all;
}

// ---- Three processes for a disturbed run, one for another.

/// Trains in a process of its own. Returns how that ended, as `waitpid` has it.
int train_elsewhere(const fs::path& folder, const fs::path& file, std::size_t workers, std::size_t batches_to_live) {
  fs::create_directories(folder);
  std::fflush(stdout);
  const pid_t child = ::fork();  // before this process has any thread
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    bool good = false;
    try {
      good = train(folder, file, workers, batches_to_live);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
    }
    std::fflush(stdout);
    std::_Exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child) throw std::runtime_error("cannot wait for the training");
  return status;
}

bool was_killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }
bool was_good(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS; }

const fs::path home = ".cache/training";  // the runs, and names where there are none

/// Names of a few syllables each, the same ones every time.
fs::path make_up_names(const fs::path& path) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path);
  larder::sample_random random(1);
  for (int i = 0; i < 20000; ++i) {
    for (std::uint64_t syllables = 2 + random() % 3; syllables > 0; --syllables)
      file << "bdklmnrst"[random() % 9] << "aaeeiou"[random() % 7];
    file << '\n';
  }
  return path;
}

fs::path find_names(int argc, char** argv) {
  if (argc > 1) return argv[1];
  const char* const told = std::getenv("LARDER_SHARED_DIR");
  const fs::path real = fs::path(told != nullptr ? told : "../shared") / "real/dataset/names.txt";
  return fs::exists(real) ? real : make_up_names(home / "names.txt");
}

}  // namespace

int main(int argc, char** argv) {
  const fs::path file = find_names(argc, argv);
  const fs::path undisturbed = home / "undisturbed";
  const fs::path disturbed = home / "disturbed";
  fs::remove_all(undisturbed);
  fs::remove_all(disturbed);

  std::printf("Three epochs of %s, undisturbed:\n", file.filename().c_str());
  if (!was_good(train_elsewhere(undisturbed, file, 2, never))) return EXIT_FAILURE;

  std::printf("Killed in its first epoch, while the cache fills, and again in the second:\n");
  for (const auto& [workers, batches] : {std::pair<std::size_t, std::size_t>{3, 333}, {0, 777}}) {
    if (!was_killed(train_elsewhere(disturbed, file, workers, batches))) {
      std::printf("  it ended before %zu batches: take a file of 15,000 lines or more\n", batches);
      return EXIT_FAILURE;
    }
    std::printf("  killed\n");
  }
  if (!was_good(train_elsewhere(disturbed, file, 1, never))) return EXIT_FAILURE;

  // Weights, loss and position.
  const bool equal = read_file(disturbed / "checkpoint") == read_file(undisturbed / "checkpoint");
  std::printf("%s\n", equal ? "bit-equal" : "DIFFERENT");
  return equal ? EXIT_SUCCESS : EXIT_FAILURE;
}
