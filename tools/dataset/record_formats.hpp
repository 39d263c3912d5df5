#pragma once

#include "dataset/record_source.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dataset {

/// What files are read as.
enum class record_format : std::uint8_t {
  jsonl,        ///< a JSON document on each line
  csv,          ///< records of RFC 4180
  text,         ///< lines
  webdataset,   ///< tar archives
  records,      ///< of one size
  idx,          ///< as MNIST has them
  folder,       ///< a directory: a file each
  safetensors,  ///< rows of tensors
};

struct format_options {
  std::vector<std::string> files;
  std::optional<record_format> format;  ///< nothing: by the names' endings
  std::uint64_t record_size = 0;        ///< of records
  std::uint64_t header_size = 0;        ///< bytes before the records of each file
  std::string delimiter;                ///< of CSV; empty: by the ending, a tabulator for .tsv, else a comma
  bool no_header = false;               ///< of CSV
  bool multiline = false;               ///< of CSV
  std::vector<std::string> endings;     ///< of a folder's files; all when there are none
  std::vector<std::string> tensors;     ///< whose rows are samples; all of the file when there are none
  std::string member;                   ///< of a WebDataset sample the one that is the sample; empty: all
};

/// All formats, and what --format calls them.
const std::vector<std::string>& format_names();
record_format format_of_name(const std::string& name);
std::string name_of(record_format format);

/// The format of the files, as chosen or by their endings. Throws `larder::error` (invalid_argument) when that cannot be told, and for options
/// of other formats.
record_format chosen_format(const format_options& options);

/// What samples are made of, for the manifest; empty where they are the records themselves, as a program that streams the files has them.
std::string version_of(record_format format, const format_options& options);

/// Opens the files. Throws `larder::error` when one is not there, or not what it should be.
record_source open_records(record_format format, const format_options& options);

}  // namespace dataset
