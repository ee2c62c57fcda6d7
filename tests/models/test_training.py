"""A training that is stopped and goes on gives what an unbroken one gives."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from models.recipes.training import Schedule, Training, learning_rate, load_fitting, relative_loss  # noqa: E402


def a_training(stem, steps):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Linear(8, 8), torch.nn.Linear(8, 1))
    random = np.random.default_rng(7)

    def loss(network, context):
        x = torch.from_numpy(random.normal(size=(16, 3))).float()
        with context:
            result = network(x)
        return (result.float() - x.sum(dim=1, keepdim=True)).square().mean()

    def validate(network):
        with torch.no_grad():
            return {"error": float((network(torch.ones(1, 3)) - 3).abs())}

    schedule = Schedule(steps, np.inf, 0.02, 50, bfloat16=False)
    return Training(model, ("1.",), loss, validate, random, schedule, str(stem))


def test_it_learns_and_writes_a_log(tmp_path):
    training = a_training(tmp_path / "run", 400)
    assert training.run()["steps"] == 400
    log = [json.loads(line) for line in (tmp_path / "run.log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in log] == list(range(50, 401, 50))
    assert log[-1]["validation"]["error"] < 0.1 < log[0]["validation"]["error"]


def test_a_stopped_run_goes_on_where_it_was(tmp_path):
    whole = a_training(tmp_path / "whole", 200)
    whole.run()
    broken = a_training(tmp_path / "broken", 200)
    for step in range(100):
        broken._take_step(step / 200)
    broken._keep()
    again = a_training(tmp_path / "broken", 200)
    again.run()
    for one, other in zip(whole.average.parameters(), again.average.parameters()):
        torch.testing.assert_close(one, other)


def test_only_fitting_layers_are_taken_over(tmp_path):
    small, large = torch.nn.Linear(2, 3), torch.nn.Linear(4, 3)
    path = str(tmp_path / "start.pt")
    torch.save({"ema": small.state_dict()}, path)
    before = large.weight.clone()
    load_fitting(large, path)
    assert torch.equal(large.bias, small.bias) and torch.equal(large.weight, before)


def test_the_learning_rate_rises_and_falls():
    rates = [learning_rate(1.0, step, step / 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(1 / 200) and max(rates) <= 1.0 and rates[-1] < 0.02
    assert rates.index(max(rates)) == pytest.approx(200, abs=20)


def test_the_loss_is_relative_to_the_baseline():
    truth, baseline = torch.zeros(2, 100), torch.tensor([[1.0], [0.01]]).expand(2, 100)
    assert float(relative_loss(baseline, truth, baseline)) == pytest.approx(1.5, rel=0.02)
    assert float(relative_loss(truth, truth, baseline)) == 0
    assert float(relative_loss(2 * baseline, truth, baseline)) == pytest.approx(4.0, rel=0.02)
