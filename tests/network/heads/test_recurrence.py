"""LSTMs over sequences of different lengths."""

from __future__ import annotations

import torch
from torch import nn

from peft_sp.network.heads.recurrence import bidirectional, lstm_outputs


def test_both_directions_equal_the_library_on_packed_sequences():
    torch.manual_seed(0)
    both = nn.LSTM(3, 4, batch_first=True, bidirectional=True)
    forwards, backwards = (nn.LSTM(3, 4, batch_first=True) for _ in range(2))
    own = both.state_dict()
    forwards.load_state_dict({k: t for k, t in own.items() if "reverse" not in k})
    backwards.load_state_dict(
        {k.removesuffix("_reverse"): t for k, t in own.items() if "reverse" in k}
    )
    states, lengths = torch.randn(3, 6, 3), torch.tensor([6, 1, 4])
    inside = torch.arange(6) < lengths[:, None]
    packed = nn.utils.rnn.pack_padded_sequence(
        states, lengths, batch_first=True, enforce_sorted=False
    )
    with torch.no_grad():
        expected, _ = nn.utils.rnn.pad_packed_sequence(both(packed)[0], batch_first=True)
        found = bidirectional(forwards, backwards, states, inside)
    torch.testing.assert_close(found[inside], expected[inside])


def test_an_lstm_without_bfloat16_computes_in_float32_under_autocast():
    torch.manual_seed(0)
    lstm = nn.LSTM(6, 5, batch_first=True)
    states = torch.randn(3, 7, 6)
    with torch.no_grad():
        exact = lstm_outputs(lstm, states)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = states.bfloat16()
            outputs = lstm_outputs(lstm, rounded, bfloat16=False)
            unchanged = lstm_outputs(lstm, states, bfloat16=False)
        with torch.autocast("cpu", enabled=False):
            expected = lstm(rounded.float())[0]
    assert outputs.dtype == torch.float32
    assert torch.equal(outputs, expected) and torch.equal(unchanged, exact)
