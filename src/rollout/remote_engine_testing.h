// Story servers on the other side of a socket, for tests: each answers as the real one does.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/loopback_server.h"
#include "base/temp_folder.h"
#include "rollout/remote_engine.h"

namespace polaris {

inline constexpr TokenId kEnd = 2;

/// The story that every fake server writes for a seed: some tokens and the end.
inline std::vector<TokenId> story_tokens(std::uint32_t seed) {
  std::vector<TokenId> tokens;
  for (TokenId i = 0; i < static_cast<TokenId>(2 + seed % 5); ++i) tokens.push_back(10 + i);
  tokens.push_back(kEnd);
  return tokens;
}

inline std::vector<float> story_logprobs(std::size_t count) {
  std::vector<float> logprobs;
  for (std::size_t i = 0; i < count; ++i) logprobs.push_back(-0.25F * static_cast<float>(i + 1));
  return logprobs;
}

inline std::string event(const Json& data) { return "data: " + data.dump() + "\n\n"; }

inline Reply json_reply(const Json& body, int status = 200) {
  return {.status = status, .headers = {{"content-type", "application/json"}}, .body = body.dump()};
}

inline Reply stream_reply(std::string body) {
  return {.headers = {{"content-type", "text/event-stream"}},
          .body = std::move(body),
          .drip = Reply::Drip{.bytes = 61, .every_s = 0.0},  // pieces that respect no event
          .chunked = true};
}

/// What a fake server was told, and what a test wants it to do badly.
class FakeServer {
 public:
  virtual ~FakeServer() = default;

  Reply operator()(const ServerRequest& request) {
    calls.push_back(request.method + " " + request.target);
    const Json body = request.body.empty() ? Json() : Json::parse(request.body);
    if (fault) {
      if (auto reply = fault(request, body)) return *reply;
    }
    return answer(request.target, body);
  }

  virtual Reply answer(const std::string& target, const Json& body) = 0;

  /// Calls so far of a path.
  std::size_t count(const std::string& path) const {
    std::size_t found = 0;
    for (const std::string& call : calls) found += call.ends_with(" " + path) ? 1 : 0;
    return found;
  }

  std::string version = "default";              // of the weights
  std::map<std::string, std::string> adapters;  // name -> folder
  std::vector<std::string> calls;
  std::vector<Json> stories;  // bodies of the story calls
  std::function<std::optional<Reply>(const ServerRequest&, const Json& body)> fault;

 protected:
  Json models(const std::string& base) const {
    Json list = {{{"id", base}, {"root", "/models/base"}, {"max_model_len", 1000}}};
    for (const auto& [name, folder] : adapters)
      list.push_back({{"id", name}, {"root", folder}, {"parent", base}});
    return {{"object", "list"}, {"data", list}};
  }
};

/// vLLM 0.33 with VLLM_SERVER_DEV_MODE=1 and LoRA on.
class FakeVllm : public FakeServer {
 public:
  Reply answer(const std::string& target, const Json& body) override {
    if (target == "/v1/models") return json_reply(models("base"));
    if (target == "/weight_info") return json_reply({{"weight_version", version}});
    if (target.starts_with("/server_info"))
      return json_reply({{"vllm_config", {{"model_config", {{"logprobs_mode", logprobs_mode}}}}}});
    if (target == "/update_weight_version") {
      version = body.at("new_version").get<std::string>();
      return json_reply({{"success", true}, {"new_version", version}});
    }
    if (target == "/collective_rpc") {
      loaded = body.at("kwargs").at("weights_path").get<std::string>();
      return json_reply({{"results", {nullptr}}});
    }
    if (target == "/reset_prefix_cache") return json_reply({{"success", true}});
    if (target == "/pause?mode=abort") return json_reply({{"status", "paused"}});
    if (target == "/resume") return json_reply({{"status", "resumed"}});
    if (target == "/v1/load_lora_adapter") return load(body);
    if (target == "/v1/unload_lora_adapter") {
      adapters.erase(body.at("lora_name").get<std::string>());
      return {.body = "Success: LoRA adapter removed successfully."};
    }
    if (target == "/v1/completions") return write(body);
    return json_reply({{"detail", "Not Found"}}, 404);
  }

  std::string logprobs_mode = "raw_logprobs";
  std::string loaded;

  /// The events of a story, one for each of its tokens.
  std::vector<Json> events(const Json& body, const std::vector<TokenId>& tokens,
                           const std::string& finish = "stop") const {
    const auto logprobs = story_logprobs(tokens.size());
    std::vector<Json> events;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      Json choice = {{"index", 0},
                     {"text", "word “" + std::to_string(i) + "” "},
                     {"logprobs", {{"token_logprobs", {logprobs[i]}}}},
                     {"finish_reason", nullptr},
                     {"token_ids", {tokens[i]}}};
      if (i == 0) choice["prompt_token_ids"] = body.at("prompt");
      if (i + 1 == tokens.size()) {
        choice["finish_reason"] = finish;
        choice["weight_versions"] = {{{"version", version}, {"start", 0}, {"end", tokens.size()}}};
      }
      events.push_back({{"id", "cmpl-1"}, {"model", body.at("model")}, {"choices", {choice}}});
    }
    events.push_back({{"id", "cmpl-1"},
                      {"model", body.at("model")},
                      {"choices", Json::array()},
                      {"usage", {{"completion_tokens", tokens.size()}}}});
    return events;
  }

  static std::string stream(const std::vector<Json>& events) {
    std::string text;
    for (const Json& e : events) text += event(e);
    return text + "data: [DONE]\n\n";
  }

 private:
  Reply load(const Json& body) {
    const auto name = body.at("lora_name").get<std::string>();
    if (adapters.contains(name))
      return json_reply({{"error", {{"message", name + " has already been loaded"}}}}, 400);
    adapters[name] = body.at("lora_path").get<std::string>();
    return {.body = "Success: LoRA adapter added successfully."};
  }

  Reply write(const Json& body) {
    stories.push_back(body);
    const auto model = body.at("model").get<std::string>();
    if (model != "base" && !adapters.contains(model))
      return json_reply({{"error", {{"message", "The model does not exist."}}}}, 404);
    return stream_reply(stream(events(body, story_tokens(body.at("seed").get<std::uint32_t>()))));
  }
};

/// SGLang 0.5.23 with LoRA on.
class FakeSglang : public FakeServer {
 public:
  Reply answer(const std::string& target, const Json& body) override {
    if (target == "/v1/models") return json_reply(models("base"));
    if (target == "/model_info")
      return json_reply({{"model_path", loaded}, {"weight_version", version}});
    if (target == "/update_weight_version") {
      version = body.at("new_version").get<std::string>();
      return json_reply({{"success", true}});
    }
    if (target == "/update_weights_from_disk") {
      loaded = body.at("model_path").get<std::string>();
      version = body.at("weight_version").get<std::string>();
      return json_reply({{"success", true}, {"message", "Succeeded to update model weights."}});
    }
    if (target == "/load_lora_adapter") {
      adapters[body.at("lora_name").get<std::string>()] = body.at("lora_path").get<std::string>();
      return json_reply({{"success", true}, {"error_message", nullptr}});
    }
    if (target == "/unload_lora_adapter") {
      adapters.erase(body.at("lora_name").get<std::string>());
      return json_reply({{"success", true}});
    }
    if (target == "/generate") {
      stories.push_back(body);
      return stream_reply(stream(body));
    }
    return json_reply({{"detail", "Not Found"}}, 404);
  }

  bool is_incremental = false;
  std::string loaded = "/models/base";

  /// Two events: the first token, and all of them or the others.
  std::string stream(const Json& body) const {
    const auto tokens =
        story_tokens(body.at("sampling_params").at("sampling_seed").get<std::uint32_t>());
    const auto part = [&](std::size_t first, std::size_t end) {
      const auto logprobs = story_logprobs(tokens.size());
      Json ids = Json::array(), triples = Json::array();
      for (std::size_t i = first; i < end; ++i) {
        ids.push_back(tokens[i]);
        triples.push_back({logprobs[i], tokens[i], nullptr});
      }
      const bool is_last = end == tokens.size();
      return event(
          {{"text", "words"},
           {"output_ids", ids},
           {"meta_info",
            {{"finish_reason", is_last ? Json{{"type", "stop"}, {"matched", kEnd}} : Json()},
             {"prompt_tokens", body.at("input_ids").size()},
             {"completion_tokens", end},
             {"weight_version", version},
             {"output_token_logprobs", triples}}}});
    };
    return part(0, 1) + part(is_incremental ? 1 : 0, tokens.size()) + "data: [DONE]\n\n";
  }
};

/// llama-server.
class FakeLlama : public FakeServer {
 public:
  Reply answer(const std::string& target, const Json& body) override {
    if (target == "/props") return json_reply({{"default_generation_settings", {{"n_ctx", 1000}}}});
    if (target != "/completion") return json_reply({{"error", {{"message", "no"}}}}, 404);
    stories.push_back(body);
    const auto tokens = story_tokens(body.at("seed").get<std::uint32_t>());
    const auto logprobs = story_logprobs(tokens.size());
    Json probabilities = Json::array();
    for (std::size_t i = 0; i < tokens.size(); ++i)
      probabilities.push_back({{"id", tokens[i]}, {"logprob", logprobs[i]}});
    if (leaves_one_out) probabilities.erase(1);
    return json_reply({{"content", "words"},
                       {"tokens", tokens},
                       {"stop", true},
                       {"stop_type", "eos"},
                       {"tokens_evaluated", body.at("prompt").size()},
                       {"completion_probabilities", probabilities}});
  }

  bool leaves_one_out = false;
};

/// An engine on a fake server.
template <class Server>
class RemoteEngineTest : public testing::Test {
 protected:
  RemoteEngineTest() {
    options.config.base_url = server.url("/v1");
    options.config.server = kind();
    options.config.retry_base_delay_s = 0.001;
    options.config.deadline_s = 20;
    options.seed = 7;
    options.stop_tokens = {kEnd};
    options.vocab_size = 100;
    sampling = {.top_k = 0, .repetition_penalty = 1.0, .max_new_tokens = 50};
  }

  static RemoteServer kind() {
    if (std::is_same_v<Server, FakeVllm>) return RemoteServer::kVllm;
    return std::is_same_v<Server, FakeSglang> ? RemoteServer::kSglang : RemoteServer::kLlama;
  }

  /// The policy of a learner: saving it writes a file.
  void export_policies() {
    options.weights = {
        .run = "run", .folder = folder.path() / "remote", .save = [&](const auto& to) {
          std::ofstream(to / "weights") << "w";
          ++saved;
        }};
  }

  std::unique_ptr<RemoteRolloutEngine> make_engine() {
    return std::make_unique<RemoteRolloutEngine>(make_story_server(options.config), nullptr,
                                                 options);
  }

  std::vector<RolloutGroup> write(RemoteRolloutEngine& engine, std::size_t samples = 2,
                                  std::size_t skip = 0) {
    return engine.generate(
        {.prompts = prompts,
         .rollouts_per_prompt = samples,
         .skip = skip,
         .step = 3,
         .sampling = sampling},
        [&](std::size_t p, std::size_t s, const Rollout&) { arrived.emplace_back(p, s); });
  }

  /// What a run ends with.
  std::string refusal(ErrorCode code = ErrorCode::kUnavailable) {
    try {
      const auto engine = make_engine();
      if (options.weights) engine->use_policy(1);
      write(*engine, 1);
    } catch (const Error& e) {
      EXPECT_EQ(static_cast<int>(e.code()), static_cast<int>(code)) << e.what();
      return e.what();
    }
    ADD_FAILURE() << "no error";
    return "";
  }

  static bool says(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  const TempFolder folder;
  Server fake;
  LoopbackServer server{[this](const ServerRequest& request) { return fake(request); }};
  RemoteRolloutEngine::Options options;
  SamplingConfig sampling;
  std::vector<Prompt> prompts = {{.id = "a", .tokens = {5, 6}}, {.id = "b", .tokens = {7}}};
  std::vector<std::pair<std::size_t, std::size_t>> arrived;
  int saved = 0;
};

}  // namespace polaris
