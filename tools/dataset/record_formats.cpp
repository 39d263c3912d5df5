#include "dataset/record_formats.hpp"

#include "dataset/web_sample_bytes.hpp"
#include "simulate/escaped_text.hpp"

#include <larder/core/error.hpp>
#include <larder/dataset/csv.hpp>
#include <larder/dataset/file_folder.hpp>
#include <larder/dataset/fixed_records.hpp>
#include <larder/dataset/json_lines.hpp>
#include <larder/dataset/safetensors_rows.hpp>
#include <larder/dataset/shard_file.hpp>
#include <larder/dataset/text_lines.hpp>
#include <larder/dataset/web_dataset.hpp>
#include <larder/format/compression_mark.hpp>
#include <larder/format/idx_header.hpp>
#include <larder/format/safetensors_header.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>

namespace dataset {
namespace {

using larder::bytes;
using larder::error_cause;
using larder::core::fail;

struct known_format {
  record_format format;
  const char* name;
};
constexpr std::array<known_format, 8> formats{{{record_format::jsonl, "jsonl"},
                                               {record_format::csv, "csv"},
                                               {record_format::text, "text"},
                                               {record_format::webdataset, "webdataset"},
                                               {record_format::records, "records"},
                                               {record_format::idx, "idx"},
                                               {record_format::folder, "folder"},
                                               {record_format::safetensors, "safetensors"}}};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}
std::string shown(const std::string& file) { return '"' + simulate::printable(file) + '"'; }

std::string all_names() {
  std::string text;
  for (const std::string& name : format_names()) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::optional<record_format> format_by_ending(const std::string& file) {
  constexpr std::array<std::pair<std::string_view, record_format>, 11> endings{{{".jsonl", record_format::jsonl},
                                                                                {".ndjson", record_format::jsonl},
                                                                                {".csv", record_format::csv},
                                                                                {".tsv", record_format::csv},
                                                                                {".txt", record_format::text},
                                                                                {".text", record_format::text},
                                                                                {".tar", record_format::webdataset},
                                                                                {".idx", record_format::idx},
                                                                                {"-ubyte", record_format::idx},
                                                                                {".ubyte", record_format::idx},
                                                                                {".safetensors", record_format::safetensors}}};
  std::error_code failed;
  if (std::filesystem::is_directory(file, failed)) return record_format::folder;
  const std::string name = lower(std::filesystem::path(file).filename().string());
  for (const auto& [ending, format] : endings)
    if (name.ends_with(ending)) return format;
  return std::nullopt;
}

/// The record again as CSV has it: fields are quoted where they have to be.
bytes bytes_of_csv(const larder::csv_record& record, char delimiter) {
  std::string text;
  for (std::size_t i = 0; i < record.size(); ++i) {
    const std::string_view field = record[i];
    if (i != 0) text += delimiter;
    if (field.find_first_of(std::string{delimiter, '"', '\n', '\r'}) == std::string_view::npos) {
      text += field;
      continue;
    }
    text += '"';
    for (const char c : field) text += c == '"' ? "\"\"" : std::string(1, c);
    text += '"';
  }
  return bytes::copy_of(text);
}

char delimiter_of(const format_options& options) {
  if (options.delimiter.empty()) return lower(options.files.front()).ends_with(".tsv") ? '\t' : ',';
  if (options.delimiter == "tab" || options.delimiter == "\\t") return '\t';
  if (options.delimiter.size() != 1)
    fail(error_cause::invalid_argument, "--delimiter: \"" + options.delimiter + "\" is no single character; write one, or tab");
  return options.delimiter.front();
}

/// Refuses what people forget to unpack: as records it would be noise.
void refuse_packed(const std::vector<larder::shard_file>& files) {
  for (const larder::shard_file& file : files)
    if (const std::string_view how = larder::format::compression_of(file.read(0, 16).span()); !how.empty())
      fail(error_cause::invalid_argument, shown(file.name()) + " is compressed (" + std::string(how) + "); decompress it first");
}

record_source open_idx(const std::vector<larder::shard_file>& files) {
  if (files.size() == 1)
    return {larder::fixed_records::idx(files.front()), [](std::span<const std::byte> record) { return bytes::copy_of(record); }};
  std::optional<larder::format::idx_header> first;
  for (const larder::shard_file& file : files) {
    larder::format::idx_header header =
        larder::format::parse_idx_header(file.read(0, larder::format::idx_header_limit).span(), file.size(), file.name());
    if (first && (header.record_size != first->record_size || header.data_begin != first->data_begin))
      fail(error_cause::invalid_argument, shown(file.name()) + " has records of " + std::to_string(header.record_size) +
                                              " bytes from byte " + std::to_string(header.data_begin) + " on, and " +
                                              shown(files.front().name()) + " of " + std::to_string(first->record_size) +
                                              " from byte " + std::to_string(first->data_begin) +
                                              " on; cache them as two data sets");
    if (!first) first = std::move(header);
  }
  return {larder::fixed_records(files, first->record_size, {first->data_begin}),
          [](std::span<const std::byte> record) { return bytes::copy_of(record); }};
}

const std::string& only_one(const format_options& options, const char* what) {
  if (options.files.size() != 1)
    fail(error_cause::invalid_argument, std::string(what) + " is one data set, and " + std::to_string(options.files.size()) +
                                            " are given; cache each under its own name");
  return options.files.front();
}

record_source open_folder(const format_options& options) {
  larder::file_folder_options how;
  how.endings = options.endings;
  return {larder::file_folder(only_one(options, "a folder"), how),
          [](const larder::file_sample& file) { return file.content(); }};
}

record_source open_safetensors(const format_options& options) {
  const larder::shard_file file(only_one(options, "a safetensors file"));
  std::vector<std::string> tensors = options.tensors;
  if (tensors.empty()) {
    namespace format = larder::format;
    const std::uint64_t length =
        format::parse_safetensors_length(file.read(0, format::safetensors_prefix).span(), file.size(), file.name());
    for (const auto& tensor :
         format::parse_safetensors_header(file.read(format::safetensors_prefix, length).span(), file.size(), file.name()).tensors)
      tensors.push_back(tensor.name);
  }
  const auto bytes_of_row = [](const larder::tensor_row& row) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < row.size(); ++i) size += row[i].size();
    larder::mutable_bytes made(size);
    std::byte* to = made.data();
    for (std::size_t i = 0; i < row.size(); ++i) to = std::copy(row[i].begin(), row[i].end(), to);
    return std::move(made).freeze();
  };
  return {larder::safetensors_rows(file, tensors), bytes_of_row};
}

}  // namespace

const std::vector<std::string>& format_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const known_format& one : formats) all.emplace_back(one.name);
    return all;
  }();
  return names;
}

std::string name_of(record_format format) {
  const auto found = std::find_if(formats.begin(), formats.end(), [&](const known_format& one) { return one.format == format; });
  return found->name;
}

record_format format_of_name(const std::string& name) {
  const auto found = std::find_if(formats.begin(), formats.end(), [&](const known_format& one) { return name == one.name; });
  if (found == formats.end())
    fail(error_cause::invalid_argument, "--format: there is no format \"" + name + "\"; there are " + all_names());
  return found->format;
}

record_format chosen_format(const format_options& options) {
  std::optional<record_format> format = options.format;
  if (!format && options.record_size != 0) format = record_format::records;
  if (!format) {
    for (const std::string& file : options.files) {
      const std::optional<record_format> own = format_by_ending(file);
      if (!own)
        fail(error_cause::invalid_argument,
             shown(file) + " has no ending that tells its format; say --format, one of " + all_names());
      if (format && *format != *own)
        fail(error_cause::invalid_argument, shown(options.files.front()) + " is " + name_of(*format) + " by its ending and " +
                                                shown(file) + " is " + name_of(*own) +
                                                "; say --format when they are the same, or cache them as two data sets");
      format = own;
    }
  }
  const auto only_for = [&](bool given, const char* option, record_format of) {
    if (given && *format != of)
      fail(error_cause::invalid_argument,
           std::string(option) + " is for --format " + name_of(of) + ", and this is " + name_of(*format));
  };
  only_for(options.record_size != 0, "--record-size", record_format::records);
  only_for(options.header_size != 0, "--header-size", record_format::records);
  only_for(!options.delimiter.empty(), "--delimiter", record_format::csv);
  only_for(options.no_header, "--no-header", record_format::csv);
  only_for(options.multiline, "--multiline", record_format::csv);
  only_for(!options.endings.empty(), "--ending", record_format::folder);
  only_for(!options.tensors.empty(), "--tensor", record_format::safetensors);
  only_for(!options.member.empty(), "--member", record_format::webdataset);
  if (*format == record_format::records && options.record_size == 0)
    fail(error_cause::invalid_argument, "--format records: say how many bytes a record has: --record-size 784");
  if (*format == record_format::csv) delimiter_of(options);
  return *format;
}

std::string version_of(record_format format, const format_options& options) {
  switch (format) {
    case record_format::jsonl:
      return "text of JSON lines, 1";
    case record_format::csv:
      return "text of CSV records, 1";
    case record_format::webdataset:
      return options.member.empty() ? "members behind their sizes, 1" : "member " + options.member + ", 1";
    case record_format::folder:
      return "content of files, 1";
    case record_format::safetensors:
      return "rows of tensors, 1";
    default:
      return "";
  }
}

record_source open_records(record_format format, const format_options& options) {
  if (format == record_format::folder) return open_folder(options);
  if (format == record_format::safetensors) return open_safetensors(options);
  std::vector<larder::shard_file> files;
  files.reserve(options.files.size());
  for (const std::string& file : options.files) files.emplace_back(file);
  if (format != record_format::records) refuse_packed(files);
  switch (format) {
    case record_format::jsonl:
      return {larder::json_lines(files), [](const larder::json_line& line) { return bytes::copy_of(line.text()); }};
    case record_format::csv: {
      larder::csv_options how;
      how.delimiter = delimiter_of(options);
      how.header = !options.no_header;
      how.multiline = options.multiline;
      return {larder::csv(files, how),
              [delimiter = how.delimiter](const larder::csv_record& record) { return bytes_of_csv(record, delimiter); }};
    }
    case record_format::text:
      return {larder::text_lines(files), [](std::string_view line) { return bytes::copy_of(line); }};
    case record_format::webdataset:
      if (options.member.empty())
        return {larder::web_dataset(files), [](const larder::web_sample& sample) { return bytes_of_web_sample(sample); }};
      return {larder::web_dataset(files), [member = options.member](const larder::web_sample& sample) { return sample[member]; }};
    case record_format::records:
      return {larder::fixed_records(files, options.record_size, {options.header_size}),
              [](std::span<const std::byte> record) { return bytes::copy_of(record); }};
    default:
      break;
  }
  return open_idx(files);
}

}  // namespace dataset
