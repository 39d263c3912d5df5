// links: larder::dataset
// Where samples may come from, and what can be done with them besides training: ranges, CSV, JSON Lines, archives, sources of one's own;
// data sets with a name, and ranks that share the work.
#include <larder/core/units.hpp>
#include <larder/dataset/csv.hpp>
#include <larder/dataset/dataset_cache.hpp>
#include <larder/dataset/json_lines.hpp>
#include <larder/dataset/web_dataset.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace larder::literals;

namespace {

bool all_good = true;

void expect(bool good, const char* what) {
  std::cout << (good ? "ok: " : "WRONG: ") << what << '\n';
  all_good = all_good && good;
}

/// A member of a tar archive, as `tar` writes it.
void add_member(std::ofstream& archive, std::string_view name, std::string_view content) {
  std::array<char, 512> header{};
  std::copy(name.begin(), name.end(), header.begin());
  std::snprintf(header.data() + 100, 8, "%07o", 0644U);
  std::snprintf(header.data() + 124, 12, "%011o", static_cast<unsigned>(content.size()));
  std::copy_n("ustar\00000", 8, header.begin() + 257);
  header[156] = '0';
  std::fill_n(header.begin() + 148, 8, ' ');  // the checksum is made as if it were blank
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(header.data() + 148, 8, "%06o", sum);
  archive.write(header.data(), 512);
  std::string padded(content);
  padded.resize((content.size() + 511) / 512 * 512);
  archive << padded;
}

void write_files() {
  std::ofstream("flowers.csv") << "petal_length,petal_width,species\n1.4,0.2,setosa\n4.7,1.4,versicolor\n6.0,2.5,virginica\n";
  std::ofstream("talk.jsonl")
      << "{\"user\":{\"name\":\"Ada\"},\"text\":\"hello\"}\n{\"user\":{\"name\":\"Bob\"},\"text\":\"good morning\"}\n";
  std::ofstream archive("digits.tar", std::ios::binary);
  for (const char digit : std::string_view("0123")) {
    const std::string key = std::string("train/") + digit;
    add_member(archive, key + ".img", std::string(100, digit));
    add_member(archive, key + ".cls", std::string(1, digit));
  }
  archive << std::string(1024, '\0');
}

/// A sample may be any type that has a `larder::codec`: this one is copied as its bytes.
struct flower {
  float length;
  float width;
  std::uint32_t species;
};

flower flower_of(const larder::csv_record& record) {
  const std::string_view species = record["species"];
  return {record.as<float>("petal_length"), record.as<float>("petal_width"),
          species == "setosa"       ? 0U
          : species == "versicolor" ? 1U
                                    : 2U};
}

/// A source of one's own: shards that can be opened, and that say what they hold. This one computes its records.
class waves {
 public:
  struct shard {
    std::size_t frequency;
    std::uint64_t size() const { return 100; }
    std::uint64_t record(std::uint64_t number) const { return number * frequency % 100; }
  };
  std::string name() const { return "waves"; }
  std::size_t shards() const { return 5; }
  std::uint64_t shard_bytes(std::size_t) const { return 0; }             // of memory, while one is open
  std::optional<std::uint64_t> count(std::size_t) const { return 100; }  // nothing, where that takes opening it
  larder::digest fingerprint(std::size_t n) const { return larder::digest_of("waves 1, " + std::to_string(n)); }
  std::shared_ptr<const shard> open(std::size_t n) const { return std::make_shared<const shard>(shard{n}); }
};
static_assert(larder::dataset_source<waves>);

}  // namespace

int main() {
  write_files();

  // A range: its elements are the samples. What is kept in memory ends with the process, what is kept on disk does not.
  larder::dataset_cache<std::string, larder::memory> words;
  const std::vector<std::string> colours{"red", "green", "blue"};
  std::string joined;
  for (const auto& batch : words.stream(colours, {.batch_size = 2}))
    for (const std::string& colour : batch) joined += colour + ' ';
  expect(joined == "red green blue ", "a range, in its order");

  // CSV: a function makes samples of records. Its version is part of what they are cached under.
  larder::dataset_cache<flower> flowers{larder::mmap_disk{"flowers"}, larder::max_bytes{1_GiB}};
  const larder::csv table{"flowers.csv"};
  const larder::preprocess to_flower{"flower-v1", flower_of};
  for (int epoch = 0; epoch < 2; ++epoch)
    for (const auto& batch : flowers.stream(table, to_flower, {.shuffle = true, .epoch = static_cast<std::uint64_t>(epoch)}))
      for (const flower& one : batch) all_good = all_good && one.length > one.width;
  expect(flowers.stats().made == 3 && flowers.stats().hits == 3, "each record was parsed once in two epochs");

  // JSON Lines: fields by their path.
  std::string greetings;
  const auto to_line = [](const larder::json_line& line) {
    return line.get<std::string>("user.name") + ": " + line.get<std::string>("text");
  };
  for (const auto& batch : words.stream(larder::json_lines{"talk.jsonl"}, larder::preprocess{"line-v1", to_line}))
    for (const std::string& line : batch) greetings += line + "\n";
  expect(greetings == "Ada: hello\nBob: good morning\n", "JSON Lines");

  // Archives as WebDataset has them. Samples of `bytes` are views of the cache's memory: they may be kept when their batch is gone.
  larder::dataset_cache<larder::bytes> images{larder::mmap_disk{"images"}};
  const larder::web_dataset digits{"digits.tar"};
  const larder::preprocess to_image{"img-v1", [](const larder::web_sample& sample) { return sample["img"]; }};
  std::vector<larder::bytes> kept;
  for (const auto& batch : images.stream(digits, to_image)) kept.insert(kept.end(), batch.begin(), batch.end());
  images.clear();
  expect(kept.size() == 4 && kept[3].text() == std::string(100, '3'), "an archive");

  // Under a name: all samples are made now, any of them can be had by its number, later also without the source.
  images.cache_dataset("digits", digits, to_image,
                       {.on_progress = [](std::uint64_t done, std::uint64_t) { std::cout << done << " done\n"; }});
  {
    const auto view = images.get_dataset("digits");
    expect(view.size() == 4 && view[2].text() == std::string(100, '2'), "a data set by its name, a sample by its number");
    std::size_t seen = 0;
    for (const auto& batch : images.stream("digits", {.shuffle = true})) seen += batch.size();
    expect(seen == 4, "a stream of a named data set");
  }
  for (const larder::dataset_info& info : images.list())
    std::cout << info.name << ": " << info.samples << " samples of " << info.source << ", " << larder::format_size(info.bytes)
              << '\n';
  expect(images.drop("digits") && !images.contains("digits") && images.weight() == 0, "dropped, with its samples");

  // Ranks: each has its share of every epoch; together they have each sample once.
  std::multiset<std::string> shares;
  for (std::size_t rank = 0; rank < 2; ++rank)
    for (const auto& batch : words.stream(colours, {.shuffle = true, .seed = 3, .rank = rank, .world = 2}))
      shares.insert(batch.begin(), batch.end());
  expect(shares == std::multiset<std::string>{"blue", "green", "red"}, "two ranks");

  // A source of one's own, and samples that do not all fit: what came first stays, and each further epoch finds it again.
  larder::dataset_cache<std::uint64_t, larder::memory> numbers{larder::max_bytes{2000}};
  for (std::uint64_t epoch = 0; epoch < 2; ++epoch) {
    numbers.reset_stats();
    for (const auto& batch : numbers.stream(waves{}, {.shuffle = true, .epoch = epoch}))
      all_good = all_good && batch.size() <= 32;
  }
  const larder::dataset_stats stats = numbers.stats();
  std::cout << stats.hits << " of " << stats.samples << " found, " << 100 * stats.expected_hit_ratio
            << " % were to be expected\n";
  expect(stats.hits == 250 && stats.samples == 500, "half of the bytes, half of the hits");
  return all_good ? 0 : 1;
}
