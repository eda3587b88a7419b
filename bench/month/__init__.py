"""A simulated month of money: `./dev bench month`. What is shown is told in docs/performance.md."""
