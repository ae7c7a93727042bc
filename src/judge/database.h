#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace polaris {

/// One connection to an SQLite file that several processes share: write-ahead log, and up to 30 s
/// of patience while another process writes. For one thread at a time. All functions throw
/// Error{kIo} with the file's name and SQLite's reason; a file that is none is Error{kInvalidData}.
class Database {
 public:
  /// Opens or makes the file, and the folders above it.
  explicit Database(const std::filesystem::path& file);

  /// Runs statements that give no rows.
  void run(const char* sql);

  /// A prepared statement. Values are bound in order; step() gives the next row.
  class Statement {
   public:
    Statement& bind(std::int64_t value);
    Statement& bind(double value);
    Statement& bind(std::string_view value);
    template <class T>
    Statement& bind(const std::optional<T>& value) {
      return value ? bind(*value) : bind_null();
    }
    Statement& bind_null();

    /// @return whether there is a row
    bool step();

    /// Columns of the present row, from 0. A text is valid until the next step().
    std::int64_t integer(int column) const;
    double number(int column) const;
    std::string text(int column) const;
    bool is_null(int column) const;
    std::optional<double> optional_number(int column) const;
    std::optional<std::string> optional_text(int column) const;

    /// Makes it ready for the next use.
    void reset();

   private:
    friend class Database;
    struct Finalize {
      void operator()(sqlite3_stmt* statement) const noexcept;
    };
    void check(int result) const;

    const Database* database_ = nullptr;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    int bound_ = 0;
  };

  Statement prepare(const char* sql) const;

  /// Rows changed by the last statement.
  std::int64_t changes() const;

  /// The key of the row inserted last.
  std::int64_t last_row() const;

 private:
  void use_write_ahead_log();
  [[noreturn]] void fail(int result) const;

  struct Close {
    void operator()(sqlite3* handle) const noexcept;
  };
  std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// Everything until commit() happens or nothing does; nobody else writes meanwhile.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database* database_;  // null once it is over
};

}  // namespace polaris
