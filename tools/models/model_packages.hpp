#pragma once

#include <larder/core/time.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace models {

struct store_options {
  std::string home;
  bool json = false;
  bool quiet = false;
};

/// Prints the packages of a home folder.
int list_packages(const store_options& options);

/// Where files come from: NAME=URL, NAME=DIGEST.
struct source_options : store_options {
  std::string model;
  std::string package;
  std::vector<std::pair<std::string, std::string>> urls;
  std::vector<std::pair<std::string, std::string>> digests;
  std::vector<std::pair<std::string, std::string>> headers;  ///< name, variable of the environment that has the value
  std::vector<std::string> hubs;
  bool require_digest = false;
  std::optional<std::uint64_t> quota;
};
/// Fetches a package.
int add_package(const source_options& options);
/// Fetches what is damaged or missing of a package.
int repair_package(const source_options& options);

struct verify_options : store_options {
  std::string model;    ///< empty: all
  std::string package;  ///< empty: all of the model
  bool one = false;     ///< they were given
  bool quick = false;
};
/// Looks whether packages are whole; 1 when something is not.
int verify_packages(const verify_options& options);

struct collect_options : store_options {
  larder::duration grace{0};
  std::optional<std::uint64_t> quota;
};
/// Removes what no package wants, and packages that a quota has no room for.
int collect(const collect_options& options);

struct package_options : store_options {
  std::string model;
  std::string package;
};
/// Keeps a package from what a quota removes, or lets it go again.
int set_pinned(const package_options& options, bool pinned);
/// Removes a package; its blobs stay for others, or for `collect`.
int erase_package(const package_options& options);

struct archive_options : store_options {
  std::string file;
  std::vector<std::pair<std::string, std::string>> packages;  ///< empty: all
};
int export_packages(const archive_options& options);
int import_packages(const archive_options& options);

}  // namespace models
