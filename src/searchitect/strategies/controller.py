"""A recurrent policy over the decisions of any space: an LSTM that is fed each pick and puts a softmax over the next one.

Zoph, Le 2017, "Neural Architecture Search with Reinforcement Learning", https://arxiv.org/abs/1611.01578, section 3.1.

Differs from the paper:
1. Any space. Every pick (`picks`) has a table of its own: for each option an embedding, by which it is fed to the next step, weights and a shift
   of its logit. A table is made when its pick is first met, from a generator seeded by the name of the pick, so that the order
   of meeting is no matter.
2. The shifts begin at the logarithm of the option's share in a uniform draw of the space, so that the first draws are nearly uniform.
   The paper has labels alone, for which that is zero.
3. Skip connections are picks like all others. The paper gives them an attention over the layers.
"""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from searchitect.core.architecture import Architecture, hash_text
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.strategies.picks import Pick, Picks, Site

_SWITCH: Final = ",false,true]"
"""How the name of a pick between these two ends."""


class Controller:
    """The policy. Drawing changes nothing but makes tables; `step` learns. What it becomes follows from the seed and the steps.

    Args:
        space: whose decisions it makes.
        hidden: units of each layer, and size of the embeddings; at least 1.
        layers: of the LSTM; at least 1.
        learning_rate: of Adam; above 0.
        spread: all weights begin uniform in [-spread, spread]; the paper's is 0.08.
        temperature: what the LSTM says of each option is divided by it; above 0.
        squash: then it becomes ``squash * tanh`` of that, as in ENAS, so that no option is ever hopeless; 0: not so.
        seed: of the weights.
    """

    def __init__(
        self,
        space: Space,
        *,
        hidden: int,
        layers: int,
        learning_rate: float,
        spread: float = 0.08,
        temperature: float = 1.0,
        squash: float = 0.0,
        seed: int = 0,
    ) -> None:
        for name, value in (("hidden", hidden), ("layers", layers)):
            if value < 1:
                raise SettingError(f"{name} must be at least 1, got {value}")
        if not 0 < learning_rate < math.inf:
            raise SettingError(f"learning_rate must be above 0, got {learning_rate}")
        if not 0 < temperature < math.inf or not 0 <= squash < math.inf:
            raise SettingError(
                f"temperature must be above 0 and squash at least 0, got temperature={temperature}, squash={squash}"
            )
        self.space = space
        self._temperature, self._squash = temperature, squash
        self._hidden, self._spread, self._seed = hidden, spread, seed
        self._picks = Picks()
        with torch.random.fork_rng(devices=[]):  # its own initialisation draws from the global generator
            self._lstm = torch.nn.LSTM(hidden, hidden, layers, batch_first=True)
        generator = self._generator("lstm")
        with torch.no_grad():
            for weight in self._lstm.parameters():
                weight.uniform_(-spread, spread, generator=generator)
        self._start = self._table(Site("start", (1.0,)))  # fed to the first step
        self._tables: dict[str, Tensor] = {}
        self._optimizer = torch.optim.Adam([*self._lstm.parameters(), self._start], lr=learning_rate)

    def draw(self, rng: random.Random) -> Architecture:
        """An architecture, with the probability that `log_probabilities` says."""
        layers = [[weight.detach() for weight in layer] for layer in self._lstm.all_weights]
        states = [(torch.zeros(1, self._hidden),) * 2 for _ in layers]
        fed = self._start

        def take(site: Site, first: int, stop: int) -> int:
            nonlocal fed
            found = fed[:, : self._hidden]
            for number, weights in enumerate(layers):  # one step of the LSTM: its module is made for long sequences
                states[number] = torch.lstm_cell(found, states[number], *weights)
                found = states[number][0]
            reach = self._tables_of([site])[0][first:stop]
            logits = self._squashed(reach[:, self._hidden : -1] @ found[0]).add_(reach[:, -1])
            place = rng.choices(range(first, stop), logits.softmax(0).tolist())[0]
            fed = reach[place - first : place - first + 1]
            return place

        with torch.no_grad():
            return self._picks.draw(self.space, take, rng)

    def read(self, architecture: Architecture) -> list[Pick]:
        """The picks that lead to an architecture of the space."""
        return self._picks.read(self.space, architecture)

    def log_probabilities(self, episodes: Sequence[Sequence[Pick]]) -> tuple[Tensor, Tensor]:
        """Of whole episodes, all at once.

        Args:
            episodes: n lists of picks, of any lengths.

        Returns:
            log_probability: [n], of each episode: the sum over its picks. Differentiable.
            entropy: [n], the sum of the entropies of the softmaxes along each episode, in nats. Differentiable.
        """
        lengths = torch.tensor([len(episode) for episode in episodes])
        picks = [pick for episode in episodes for pick in episode]
        if not picks:
            return torch.zeros(len(episodes)), torch.zeros(len(episodes))
        log_p = self._log_softmaxes(episodes)
        taken = log_p.gather(1, torch.tensor([[pick.place] for pick in picks]))[:, 0]
        entropies = -(log_p.exp() * log_p.masked_fill(log_p.isinf(), 0.0)).sum(-1)
        owners = torch.arange(len(episodes)).repeat_interleave(lengths)
        zeros = torch.zeros(len(episodes))
        return zeros.index_add(0, owners, taken), zeros.index_add(0, owners, entropies)

    def switches(self, episodes: Sequence[Sequence[Pick]]) -> tuple[list[Pick], Tensor]:
        """The picks between false and true along the episodes, m in all, and how likely true is at each [m]. Differentiable."""
        picks = [pick for episode in episodes for pick in episode]
        places = [place for place, pick in enumerate(picks) if pick.site.name.endswith(_SWITCH)]
        if not places:
            return [], torch.zeros(0)
        return [picks[place] for place in places], self._log_softmaxes(episodes)[places, 1].exp()

    def _log_softmaxes(self, episodes: Sequence[Sequence[Pick]]) -> Tensor:
        """[picks, options], episode after episode: the logarithm of each option's probability; minus infinity out of reach."""
        sites = list({pick.site.name: pick.site for episode in episodes for pick in episode}.values())
        lengths = torch.tensor([len(episode) for episode in episodes])
        tables = torch.cat([self._start, *self._tables_of(sites)])
        begins, begin = {}, 1
        for site in sites:
            begins[site.name] = begin
            begin += len(site.weights)
        # step t of an episode is fed the row of pick t - 1; the start's row 0 comes first, and fills up behind the end
        fed = torch.zeros(len(episodes), int(lengths.max()), dtype=torch.long)
        for number, episode in enumerate(episodes):
            rows = [begins[pick.site.name] + pick.place for pick in episode[:-1]]
            fed[number, 1 : len(rows) + 1] = torch.tensor(rows, dtype=torch.long)
        found, _ = self._lstm(functional.embedding(fed, tables[:, : self._hidden]))
        found = found[torch.arange(fed.shape[1]) < lengths[:, None]]  # [picks, hidden], episode after episode

        picks = [pick for episode in episodes for pick in episode]
        first = torch.tensor([pick.first for pick in picks])[:, None]
        stop = torch.tensor([pick.stop for pick in picks])[:, None]
        options = torch.arange(int(stop.max()))
        in_reach = (options >= first) & (options < stop)  # [picks, options]
        begins_of = torch.tensor([begins[pick.site.name] for pick in picks])[:, None]
        heads = functional.embedding((begins_of + options).where(in_reach, 0), tables[:, self._hidden :])
        logits = self._squashed((heads[..., :-1] * found[:, None]).sum(-1)) + heads[..., -1]
        return logits.masked_fill(~in_reach, -math.inf).log_softmax(-1)

    def probability(self, architecture: Architecture) -> float:
        """How likely it is to be drawn; of a number in a bin, the probability of the bin."""
        with torch.no_grad():
            return math.exp(float(self.log_probabilities([self.read(architecture)])[0][0]))

    def step(self, loss: Tensor) -> None:
        """One step of Adam down the gradient of ``loss``. Tables that the loss does not depend on stay as they are."""
        if loss.requires_grad:  # not so where no episode had a pick
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()

    def state(self) -> dict[str, Tensor]:
        """A copy of all weights: those of the LSTM, the start, and each table by the name of its pick."""
        named: dict[str, Any] = {**self._lstm.state_dict(), "start": self._start, **self._tables}
        return {name: weight.detach().clone() for name, weight in named.items()}

    def checkpoint(self) -> dict[str, Tensor]:
        """A copy of all that it has learned, Adam's moments included, for `restore`."""
        found = {f"weight/{name}": weight for name, weight in self.state().items()}
        for name, weight in self._named().items():
            found |= {f"adam/{name}/{key}": value.clone() for key, value in self._optimizer.state.get(weight, {}).items()}
        return found

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Go on from a `checkpoint` of a controller of the same settings."""
        weights = {name.removeprefix("weight/"): value for name, value in saved.items() if name.startswith("weight/")}
        known = self._named()
        with torch.no_grad():
            for name, value in weights.items():
                if name in known:
                    known[name].copy_(value)
                else:  # a table, which is made when its pick is first met
                    self._tables[name] = value.clone().requires_grad_()
                    self._optimizer.param_groups[0]["params"].append(self._tables[name])
        for name, weight in self._named().items():
            moments = {key: saved.get(f"adam/{name}/{key}") for key in ("step", "exp_avg", "exp_avg_sq")}
            if all(value is not None for value in moments.values()):
                self._optimizer.state[weight] = {key: value.clone() for key, value in moments.items() if value is not None}

    def _named(self) -> dict[str, Tensor]:
        return {**dict(self._lstm.named_parameters()), "start": self._start, **self._tables}

    def _squashed(self, said: Tensor) -> Tensor:
        said = said if self._temperature == 1 else said / self._temperature
        return said if self._squash == 0 else self._squash * said.tanh()

    def _tables_of(self, sites: Sequence[Site]) -> list[Tensor]:
        for site in sites:
            if site.name not in self._tables:
                self._tables[site.name] = table = self._table(site)
                self._optimizer.param_groups[0]["params"].append(table)  # a group of its own would slow every step
        return [self._tables[site.name] for site in sites]

    def _table(self, site: Site) -> Tensor:
        """[options, embedding + weights + shift]."""
        table = torch.empty(len(site.weights), 2 * self._hidden + 1)
        table.uniform_(-self._spread, self._spread, generator=self._generator(site.name))
        table[:, -1] = torch.tensor(site.weights).log()
        return table.requires_grad_()

    def _generator(self, name: str) -> torch.Generator:
        return torch.Generator().manual_seed(int(hash_text(f"{self._seed}/{name}"), 16) % 2**63)
