"""Strategies under one protocol, on a table with known answers: thousands of trainings replayed in seconds."""

from searchitect import Proposal, Strategy, compare


class Widest(Strategy):
    """A strategy of your own: of eight random draws, the one with the most convolutions."""

    def propose(self, rng):
        draws = [self.space.sample(rng) for _ in range(8)]
        return Proposal(max(draws, key=lambda draw: str(draw.spec).count("conv")))

    def learn(self, trial):
        """It does not."""


if __name__ == "__main__":
    strategies = {"widest": Widest, "evolution": "regularized-evolution", "auto": "auto"}
    found = compare("digits-cells", strategies, queries=60, seeds=10, out="runs/08_compare_strategies")
    print("on digits-cells, after 60 trainings each:")
    print(*found.sentences["digits-cells"], sep="\n")
    print("the whole evidence:", found.folder / "report.html")
