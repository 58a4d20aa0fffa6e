"""The front door: who knocks, how fast they may, what is let in, and that it is kept before anybody is told so."""
