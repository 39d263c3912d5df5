#pragma once

#include <larder/layer/layer_source.hpp>
#include <larder/layer/readable_file.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

namespace larder::layers {

/// What a file of a model can do, wherever it lies; `readable_file` and `remote_file` do. `read` fills the room from an offset or
/// throws, also when the file is not what it was when it was opened, and runs in several threads at once. `beside(name)` opens
/// another one in the same folder. Optional: `read_unit()`, how many bytes are best read at once; `find_beside(name)`, `beside` as a
/// `std::optional` for one that need not be there.
template <class F>
concept model_file_like = std::move_constructible<F> &&
    requires(const F& file, const std::uint64_t offset, const std::span<std::byte> room, const std::string& name) {
  { file.name() } -> std::convertible_to<std::string>;
  { file.size() } -> std::convertible_to<std::uint64_t>;
  file.read(offset, room);
  file.check_unchanged();
  { file.beside(name) } -> std::same_as<F>;
};

/// A file of a model.
class model_file {
 public:
  /// A file of this machine.
  template <class Path>
    requires(!std::same_as<std::remove_cvref_t<Path>, model_file> && std::convertible_to<Path, std::filesystem::path>)
  model_file(Path&& path) : model_file(readable_file(std::forward<Path>(path))) {}
  /// A file elsewhere.
  template <class File>
    requires(!std::same_as<File, model_file> && model_file_like<File>)
  model_file(File file) : file_(std::make_unique<holder<File>>(std::move(file))) {}

  /// What messages call it: its path, or where it is.
  std::string name() const { return file_->name(); }
  std::uint64_t size() const { return file_->size(); }
  void read(std::uint64_t offset, std::span<std::byte> room) const { file_->read(offset, room); }
  void check_unchanged() const { file_->check_unchanged(); }
  model_file beside(const std::string& name) const { return model_file(file_->beside(name)); }
  /// Another one in the same folder; nothing when there is none, and where files cannot tell.
  std::optional<model_file> find_beside(const std::string& name) const {
    std::unique_ptr<any_file> found = file_->find_beside(name);
    if (found == nullptr) return std::nullopt;
    return model_file(std::move(found));
  }
  std::uint64_t read_unit() const { return file_->read_unit(); }
  /// The file itself where it is one of this machine.
  readable_file* local() const noexcept { return file_->local(); }

 private:
  struct any_file {
    virtual ~any_file() = default;
    virtual std::string name() const = 0;
    virtual std::uint64_t size() const = 0;
    virtual void read(std::uint64_t offset, std::span<std::byte> room) const = 0;
    virtual void check_unchanged() const = 0;
    virtual std::unique_ptr<any_file> beside(const std::string& name) const = 0;
    virtual std::unique_ptr<any_file> find_beside(const std::string& name) const = 0;
    virtual std::uint64_t read_unit() const = 0;
    virtual readable_file* local() noexcept = 0;
  };
  template <class File>
  struct holder final : any_file {
    explicit holder(File f) : file(std::move(f)) {}
    std::string name() const override { return file.name(); }
    std::uint64_t size() const override { return file.size(); }
    void read(std::uint64_t offset, std::span<std::byte> room) const override { file.read(offset, room); }
    void check_unchanged() const override { file.check_unchanged(); }
    std::unique_ptr<any_file> beside(const std::string& name) const override {
      return std::make_unique<holder>(file.beside(name));
    }
    std::unique_ptr<any_file> find_beside(const std::string& name) const override {
      if constexpr (requires { file.find_beside(name); }) {
        if (std::optional<File> found = file.find_beside(name)) return std::make_unique<holder>(std::move(*found));
      }
      return nullptr;
    }
    std::uint64_t read_unit() const override {
      if constexpr (requires { file.read_unit(); })
        return file.read_unit();
      else
        return layers::read_unit;
    }
    readable_file* local() noexcept override {
      if constexpr (std::is_same_v<File, readable_file>)
        return &file;
      else
        return nullptr;
    }
    File file;
  };
  explicit model_file(std::unique_ptr<any_file> file) noexcept : file_(std::move(file)) {}

  std::unique_ptr<any_file> file_;
};

}  // namespace larder::layers
