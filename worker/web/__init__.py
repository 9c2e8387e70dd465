"""The web process: the few pages a reader, SendGrid or an operator reaches. No business rule lives here."""
