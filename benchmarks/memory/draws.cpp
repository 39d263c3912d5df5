#include "draws.hpp"

#include "workload.hpp"

#include <bit>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace bench {
namespace {

static_assert(std::endian::native == std::endian::little, "the files hold numbers as this machine does");

void write(const std::filesystem::path& path, zipf& ranks, std::size_t count) {
  constexpr std::size_t step = 1'000'000;
  std::ofstream out(path, std::ios::binary);
  for (std::size_t left = count; left != 0;) {
    const std::vector<std::uint32_t> some = ranks.draw(left < step ? left : step);
    out.write(reinterpret_cast<const char*>(some.data()), static_cast<std::streamsize>(some.size() * sizeof some[0]));
    left -= some.size();
  }
  if (!out.flush()) throw std::runtime_error("\"" + path.string() + "\" cannot be written");
}

}  // namespace

void write_draws(const std::string& folder, const options& wanted) {
  const std::filesystem::path path(folder);
  std::filesystem::create_directories(path);
  const std::size_t measured = (1 + wanted.chunks) * wanted.chunk;
  zipf skewed(wanted.keys, 0.99, zipf_99_seed);
  write(path / "zipf_99.u32", skewed, measured);
  zipf flatter(wanted.keys, 0.9, zipf_90_seed);
  write(path / "zipf_90.u32", flatter, 2 * wanted.keys + measured);
  std::ofstream shape(path / "shape.txt");
  shape << "keys " << wanted.keys << "\nchunk " << wanted.chunk << "\nchunks " << wanted.chunks << "\n";
  if (!shape.flush()) throw std::runtime_error("\"" + (path / "shape.txt").string() + "\" cannot be written");
}

}  // namespace bench
