"""The models that speeds on a CPU are stated for (specs/performance.md H): the architecture of
Qwen3.5 at 1.4, 8.7 and 95 million parameters."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Size:
    hidden: int
    layers: int  # three linear attention layers to one of full attention
    intermediate: int
    heads: tuple  # query, key-value
    head_dim: int
    linear_heads: tuple  # key, value
    linear_dim: int
    vocabulary: int = 2048

    def config(self):
        """What stands in config.json."""
        rotary_pairs = self.head_dim // 8
        return {
            "architectures": ["Qwen3_5ForCausalLM"],
            "model_type": "qwen3_5_text",
            "attention_bias": False,
            "attention_dropout": 0.0,
            "bos_token_id": None,
            "dtype": "float32",
            "eos_token_id": 0,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "hidden_size": self.hidden,
            "initializer_range": 0.02,
            "intermediate_size": self.intermediate,
            "layer_types": (["linear_attention"] * 3 + ["full_attention"]) * (self.layers // 4),
            "linear_conv_kernel_dim": 4,
            "linear_key_head_dim": self.linear_dim,
            "linear_num_key_heads": self.linear_heads[0],
            "linear_num_value_heads": self.linear_heads[1],
            "linear_value_head_dim": self.linear_dim,
            "max_position_embeddings": 4096,
            "num_attention_heads": self.heads[0],
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.heads[1],
            "pad_token_id": None,
            "partial_rotary_factor": 0.25,
            "rms_norm_eps": 1e-6,
            "rope_parameters": {
                "mrope_interleaved": True,
                "mrope_section": [rotary_pairs // 2, rotary_pairs // 4, rotary_pairs // 4],
                "partial_rotary_factor": 0.25,
                "rope_theta": 10000.0,
                "rope_type": "default",
            },
            "tie_word_embeddings": False,
            "vocab_size": self.vocabulary,
        }

    def matmul_parameters(self):
        """Of the projections and the head: the weights that a token is multiplied with."""
        query, key_value = (heads * self.head_dim for heads in self.heads)
        key, value = (heads * self.linear_dim for heads in self.linear_heads)
        full = 3 * query + 2 * key_value  # query, its gate, output; key, value
        linear = 2 * key + 3 * value + 2 * self.linear_heads[1]  # q, k, v, z, output; a, b
        mixers = self.layers // 4 * (full + 3 * linear)
        return self.hidden * (mixers + self.layers * 3 * self.intermediate + self.vocabulary)

    def flops(self, work, length):
        """Of a token in a sequence of `length`: products and causal attention, nothing else.

        "forward", or "train": that and the backward pass, which is twice as much. What is computed
        again to save memory does not count."""
        attention = self.layers // 4 * 2 * length * self.heads[0] * self.head_dim
        return (3 if work == "train" else 1) * (2 * self.matmul_parameters() + attention)


SIZES = {
    "S": Size(128, 4, 384, (4, 2), 32, (2, 4), 32),
    "M": Size(256, 8, 896, (8, 4), 32, (4, 8), 32),
    "L": Size(768, 12, 2304, (12, 4), 64, (6, 12), 64),
}
