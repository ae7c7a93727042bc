#include "judge/database.h"

#include <sqlite3.h>

#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/file_system.h"

namespace polaris {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kPatience{30};

sqlite3* open(const std::filesystem::path& file) {
  real_file_system().create_directories(folder_of(file));
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int result = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
  if (result == SQLITE_OK) return handle;
  sqlite3_close(handle);
  throw Error(ErrorCode::kIo,
              fmt::format("cannot open {}: {}", file.string(), sqlite3_errstr(result)));
}

}  // namespace

void Database::Close::operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }

void Database::Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Database::Database(const std::filesystem::path& file) : file_(file), handle_(open(file)) {
  sqlite3_busy_timeout(handle_.get(), static_cast<int>(milliseconds(kPatience).count()));
  use_write_ahead_log();
  // NORMAL: what was written survives the end of the process; a power cut may take the last second.
  run("PRAGMA synchronous = NORMAL");
}

/// SQLite does not wait where two connections make the same new file a WAL file: both hold a read
/// lock that the other's write lock needs, and one is told so at once. It tries again.
void Database::use_write_ahead_log() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const auto switched = [&] {
    return sqlite3_exec(handle_.get(), "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr);
  };
  int result = switched();
  while (result == SQLITE_BUSY && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(2));
    result = switched();
  }
  if (result != SQLITE_OK) fail(result);
}

void Database::fail(int result) const {
  const bool is_foreign = result == SQLITE_NOTADB || result == SQLITE_CORRUPT;
  throw Error(is_foreign ? ErrorCode::kInvalidData : ErrorCode::kIo,
              fmt::format("{}: {}", file_.string(), sqlite3_errmsg(handle_.get())));
}

void Database::run(const char* sql) {
  const int result = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) fail(result);
}

Database::Statement Database::prepare(const char* sql) const {
  Statement statement;
  sqlite3_stmt* raw = nullptr;
  const int result =
      sqlite3_prepare_v3(handle_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (result != SQLITE_OK) fail(result);
  statement.statement_.reset(raw);
  statement.database_ = this;
  return statement;
}

std::int64_t Database::changes() const { return sqlite3_changes64(handle_.get()); }
std::int64_t Database::last_row() const { return sqlite3_last_insert_rowid(handle_.get()); }

void Database::Statement::check(int result) const {
  if (result != SQLITE_OK) database_->fail(result);
}

Database::Statement& Database::Statement::bind(std::int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), ++bound_, value));
  return *this;
}

Database::Statement& Database::Statement::bind(double value) {
  check(sqlite3_bind_double(statement_.get(), ++bound_, value));
  return *this;
}

Database::Statement& Database::Statement::bind(std::string_view value) {
  check(sqlite3_bind_text64(statement_.get(), ++bound_, value.data(), value.size(),
                            SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Database::Statement& Database::Statement::bind_null() {
  check(sqlite3_bind_null(statement_.get(), ++bound_));
  return *this;
}

bool Database::Statement::step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  reset();  // keeps the connection's error message
  if (result != SQLITE_DONE) database_->fail(result);
  return false;
}

void Database::Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  bound_ = 0;
}

std::int64_t Database::Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Database::Statement::number(int column) const {
  return sqlite3_column_double(statement_.get(), column);
}

std::string Database::Statement::text(int column) const {
  const auto* bytes = sqlite3_column_text(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr ? "" : std::string(reinterpret_cast<const char*>(bytes), size);
}

bool Database::Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::optional<double> Database::Statement::optional_number(int column) const {
  return is_null(column) ? std::nullopt : std::optional(number(column));
}

std::optional<std::string> Database::Statement::optional_text(int column) const {
  return is_null(column) ? std::nullopt : std::optional(text(column));
}

Transaction::Transaction(Database& database) : database_(&database) {
  database.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  try {
    database_->run("ROLLBACK");
  } catch (const Error&) {  // we may be unwinding; SQLite rolls back when it closes
  }
}

void Transaction::commit() {
  database_->run("COMMIT");
  database_ = nullptr;
}

}  // namespace polaris
