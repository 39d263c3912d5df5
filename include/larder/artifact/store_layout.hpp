#pragma once

#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/folder_tree.hpp>
#include <larder/artifact/package_place.hpp>
#include <larder/remote/message_digest.hpp>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace larder::artifacts {

/// Where a package store keeps what.
///
///   models-cache/<slug>-<hash>/<package id>/   a package: links, files of its own, and the store's files, which begin with ".larder"
///   shared-blobs/<digest>                      files whose digest is known, each once
///   blob-state/                                chunks, staging, quarantine (blob_folder.hpp), pieces, packed (packed_blobs.hpp), partial (downloads), locks
struct store_layout {
  std::filesystem::path home;

  std::filesystem::path models() const { return home / "models-cache"; }
  std::filesystem::path blobs() const { return home / "shared-blobs"; }
  std::filesystem::path state() const { return home / "blob-state"; }
  std::filesystem::path partial() const { return state() / "partial"; }
  std::filesystem::path locks() const { return state() / "locks"; }

  std::filesystem::path package(std::string_view model_id, std::string_view package_id) const {
    return models() / model_folder_name(model_id) / package_id;
  }
  /// Of who makes a package, and of who brings a blob.
  std::filesystem::path package_lock(std::string_view model_id, std::string_view package_id) const {
    return locks() / ("package-" + key_of(model_id, package_id));
  }
  std::filesystem::path blob_lock(const std::string& blob_name) const { return locks() / ("blob-" + blob_name); }
  /// Shared by who says that he will want blobs, alone for who removes those that nobody wants.
  std::filesystem::path sweep_lock() const { return locks() / "sweep"; }
  /// The partial file of what has no digest.
  std::filesystem::path own_partial(const std::filesystem::path& package, std::string_view name, std::string_view url) const {
    return partial() / ("own-" + key_of(package.lexically_relative(home).string() + '/' + std::string(name), url));
  }

  void make_folders() const {
    for (const std::filesystem::path& folder : {models(), partial(), locks()}) make_folder_tree(folder);
  }

 private:
  static std::string key_of(std::string_view first, std::string_view second) {
    remote::message_digest<remote::sha256_digest> hash;
    hash.add(std::to_string(first.size()) + ':');
    hash.add(first);
    hash.add(second);
    const remote::sha256_digest found = hash.take();
    return remote::hex_of(std::span<const std::byte>(found).first(16));
  }
};

}  // namespace larder::artifacts
