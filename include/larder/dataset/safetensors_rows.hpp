#pragma once

// Data sets that are tensors of a safetensors file: a sample is a row of each, such as a feature vector and its label.

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/shard_file.hpp>
#include <larder/dataset/shard_files.hpp>
#include <larder/format/safetensors_header.hpp>
#include <larder/format/tensor.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {
namespace datasets {

/// A tensor whose rows are records.
struct row_tensor {
  tensor_info info;  // its offset is in the file
  std::vector<std::uint64_t> row_shape;
  std::uint64_t row_bytes = 0;
};

/// The tensors of a source and how they are cut into shards.
struct row_layout {
  shard_file file;
  std::vector<row_tensor> tensors;
  std::uint64_t rows = 0;
  std::uint64_t rows_of_shard = 1;
  std::uint64_t bytes_of_row = 0;  // of all tensors

  /// The tensor's place among those of a record. Throws `larder::error` that says which there are.
  std::size_t place_of(std::string_view name) const {
    const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const row_tensor& t) { return t.info.name == name; });
    if (found == tensors.end()) {
      std::string has;
      for (const row_tensor& t : tensors) has += (has.empty() ? "" : ", ") + format::printable_name(t.info.name);
      core::fail(error_cause::invalid_argument,
                 file.name() + ": a row has no " + format::printable_name(name) + "; it has " + has);
    }
    return static_cast<std::size_t>(found - tensors.begin());
  }
};

class row_shard;

}  // namespace datasets

/// A row of each tensor of a source, in the shard's memory; used while the shard is held.
class tensor_row {
 public:
  tensor_row(const datasets::row_shard& shard, std::uint64_t number) noexcept : shard_(&shard), number_(number) {}

  /// How many tensors it is of.
  std::size_t size() const noexcept;
  /// The row of a tensor, by its place among those that were asked for.
  std::span<const std::byte> operator[](std::size_t tensor) const;
  /// By its name. Throws `larder::error` that says which there are.
  std::span<const std::byte> operator[](std::string_view tensor) const;
  /// The row as elements of T. Throws `larder::error` when T has another size than the tensor's elements; bytes do for any.
  template <class T>
  std::span<const T> as_span(std::string_view tensor) const;

 private:
  const datasets::row_shard* shard_;
  std::uint64_t number_;
};

namespace datasets {

/// Rows that follow one another, of each tensor in memory of its own.
class row_shard {
 public:
  row_shard(std::shared_ptr<const row_layout> layout, std::uint64_t first, std::uint64_t count)
      : layout_(std::move(layout)), count_(count) {
    rows_.reserve(layout_->tensors.size());
    for (const row_tensor& t : layout_->tensors)
      rows_.push_back(layout_->file.read(t.info.offset + first * t.row_bytes, count * t.row_bytes));
  }

  std::uint64_t size() const noexcept { return count_; }
  tensor_row record(std::uint64_t number) const {
    if (number >= count_)
      core::fail(error_cause::invalid_argument, layout_->file.name() + ": there is no row " + std::to_string(number) +
                                                    " in a shard that has " + std::to_string(count_));
    return tensor_row(*this, number);
  }

  const row_layout& layout() const noexcept { return *layout_; }
  std::span<const std::byte> row(std::size_t tensor, std::uint64_t number) const {
    const auto size = static_cast<std::size_t>(layout_->tensors[tensor].row_bytes);
    return rows_[tensor].span().subspan(static_cast<std::size_t>(number) * size, size);
  }

 private:
  std::shared_ptr<const row_layout> layout_;
  std::uint64_t count_;
  std::vector<bytes> rows_;
};

}  // namespace datasets

inline std::size_t tensor_row::size() const noexcept { return shard_->layout().tensors.size(); }
inline std::span<const std::byte> tensor_row::operator[](std::size_t tensor) const {
  if (tensor >= size())
    core::fail(error_cause::invalid_argument, shard_->layout().file.name() + ": a row has no tensor " + std::to_string(tensor) +
                                                  "; it has " + std::to_string(size()));
  return shard_->row(tensor, number_);
}
inline std::span<const std::byte> tensor_row::operator[](std::string_view tensor) const {
  return shard_->row(shard_->layout().place_of(tensor), number_);
}
template <class T>
std::span<const T> tensor_row::as_span(std::string_view tensor) const {
  static_assert(std::is_trivially_copyable_v<T>, "larder: as_span needs a trivially copyable type");
  const std::size_t place = shard_->layout().place_of(tensor);
  const tensor_info& info = shard_->layout().tensors[place].info;
  if (sizeof(T) != 1 && (sizeof(T) * 8 != bits_of(info.dtype) || alignof(T) > sizeof(T)))
    core::fail(error_cause::invalid_argument, shard_->layout().file.name() + ": elements of " + format::printable_name(tensor) +
                                                  " are " + std::string(to_string(info.dtype)) + ", not of " +
                                                  std::to_string(sizeof(T)) + " bytes; ask for their type, or for bytes");
  const std::span<const std::byte> row = shard_->row(place, number_);  // memory is aligned to 64, and rows are whole elements
  return {reinterpret_cast<const T*>(row.data()), row.size() / sizeof(T)};
}

/// The rows of a tensor of a safetensors file, or of several with equal first dimensions, which counts the records. A shard is about 1 MiB of
/// rows that follow one another. Copies share.
///
///     larder::safetensors_rows train{"train.safetensors", {"x", "y"}};
///     const auto shard = train.open(0);
///     const larder::tensor_row row = shard->record(7);
///     learn(row.as_span<float>("x"), row.as_span<std::int64_t>("y"));
class safetensors_rows {
 public:
  /// Reads the header. Throws `larder::error`: (corruption) when it is damaged, (invalid_argument) when there is no such tensor, or one is a
  /// single number, has rows without bytes or that do not begin on a whole byte, or has not as many rows as the others.
  safetensors_rows(shard_file file, const std::vector<std::string>& tensors) {
    const std::uint64_t length =
        format::parse_safetensors_length(file.read(0, format::safetensors_prefix).span(), file.size(), file.name());
    const format::safetensors_header header =
        format::parse_safetensors_header(file.read(format::safetensors_prefix, length).span(), file.size(), file.name());
    name_ = shard_files(file).name();
    datasets::row_layout layout{std::move(file), {}};
    if (tensors.empty()) refuse(layout, "no tensor is asked for; name those that a record is to have");
    for (const std::string& name : tensors) add(layout, header, name);
    layout.rows_of_shard = std::max<std::uint64_t>(1, shard_target / std::max<std::uint64_t>(1, layout.bytes_of_row));
    layout_ = std::make_shared<const datasets::row_layout>(std::move(layout));
  }
  template <class Name>
    requires std::convertible_to<const Name&, std::string_view> safetensors_rows(shard_file file, const Name& tensor)
        : safetensors_rows(std::move(file), std::vector<std::string>{std::string(std::string_view(tensor))}) {}

    /// How many records there are.
    std::uint64_t rows() const noexcept { return layout_->rows; }
    /// How many tensors a record is of.
    std::size_t tensors() const noexcept { return layout_->tensors.size(); }
    dtype dtype_of(std::string_view tensor) const { return layout_->tensors[layout_->place_of(tensor)].info.dtype; }
    /// The tensor's dimensions, that of the rows first.
    const std::vector<std::uint64_t>& shape_of(std::string_view tensor) const {
      return layout_->tensors[layout_->place_of(tensor)].info.shape;
    }
    /// Those of a row; none when a row is a number.
    const std::vector<std::uint64_t>& row_shape_of(std::string_view tensor) const {
      return layout_->tensors[layout_->place_of(tensor)].row_shape;
    }

    const std::string& name() const noexcept { return name_; }
    std::size_t shards() const noexcept {
      return static_cast<std::size_t>(layout_->rows / layout_->rows_of_shard +
                                      (layout_->rows % layout_->rows_of_shard != 0 ? 1 : 0));
    }
    std::uint64_t shard_bytes(std::size_t shard) const { return rows_of(shard) * layout_->bytes_of_row; }
    std::optional<std::uint64_t> count(std::size_t shard) const { return rows_of(shard); }
    digest fingerprint(std::size_t shard) const {
      datasets::fingerprint_builder print;
      print.add("safetensors_rows").add(layout_->file.identity()).add(shard * layout_->rows_of_shard).add(rows_of(shard));
      for (const datasets::row_tensor& t : layout_->tensors) print.add(t.info.name).add(t.info.offset).add(t.row_bytes);
      return print.finish();
    }
    /// Lets the system begin to read rows that will be opened.
    void read_ahead(std::size_t shard) const {
      const std::uint64_t first = shard * layout_->rows_of_shard;
      for (const datasets::row_tensor& t : layout_->tensors)
        layout_->file.read_ahead(t.info.offset + first * t.row_bytes, rows_of(shard) * t.row_bytes);
    }
    std::shared_ptr<const datasets::row_shard> open(std::size_t shard) const {
      const std::uint64_t count = rows_of(shard);
      return std::make_shared<const datasets::row_shard>(layout_, shard * layout_->rows_of_shard, count);
    }

   private:
    static constexpr std::uint64_t shard_target = 1 << 20;

    [[noreturn]] static void refuse(const datasets::row_layout& layout, const std::string& why) {
      core::fail(error_cause::invalid_argument, layout.file.name() + ": " + why);
    }
    static void add(datasets::row_layout& layout, const format::safetensors_header& header, const std::string& name) {
      const auto found =
          std::find_if(header.tensors.begin(), header.tensors.end(), [&](const tensor_info& t) { return t.name == name; });
      const std::string called = "tensor " + format::printable_name(name);
      if (found == header.tensors.end()) refuse(layout, "there is no " + called + "; there are " + names_of(header));
      if (std::any_of(layout.tensors.begin(), layout.tensors.end(),
                      [&](const datasets::row_tensor& t) { return t.info.name == name; }))
        refuse(layout, called + " is asked for twice");
      if (found->shape.empty()) refuse(layout, called + " is a single number, which has no rows");
      datasets::row_tensor tensor{*found, {std::next(found->shape.begin()), found->shape.end()}};
      tensor.info.offset += header.data_begin;
      const std::uint64_t rows = found->shape.front();
      if (!layout.tensors.empty() && rows != layout.rows)
        refuse(layout, called + " has " + std::to_string(rows) + " rows, and " +
                           format::printable_name(layout.tensors.front().info.name) + " has " + std::to_string(layout.rows) +
                           "; a record has one of each");
      layout.rows = rows;
      if (rows > 0) {
        if (found->size == 0) refuse(layout, called + " has rows without elements");
        std::uint64_t bits = bits_of(found->dtype) % 8;  // what a row has beyond whole bytes
        for (const std::uint64_t dimension : tensor.row_shape) bits = bits * (dimension % 8) % 8;
        if (bits != 0) refuse(layout, called + " has rows that do not begin on a whole byte");
        tensor.row_bytes = found->size / rows;
        layout.bytes_of_row += tensor.row_bytes;
      }
      layout.tensors.push_back(std::move(tensor));
    }
    static std::string names_of(const format::safetensors_header& header) {
      constexpr std::size_t most = 20;
      if (header.tensors.empty()) return "none";
      std::string names;
      for (std::size_t i = 0; i < std::min(most, header.tensors.size()); ++i)
        names += (i == 0 ? "" : ", ") + format::printable_name(header.tensors[i].name);
      if (header.tensors.size() > most) names += " and " + std::to_string(header.tensors.size() - most) + " more";
      return names;
    }
    std::uint64_t rows_of(std::size_t shard) const {
      if (shard >= shards())
        core::fail(error_cause::invalid_argument,
                   name_ + " has no shard " + std::to_string(shard) + "; it has " + std::to_string(shards()));
      return std::min(layout_->rows_of_shard, layout_->rows - shard * layout_->rows_of_shard);
    }

    std::shared_ptr<const datasets::row_layout> layout_;
    std::string name_;
};

static_assert(dataset_source<safetensors_rows>);

}  // namespace larder
