"""MJML to HTML through MRML, with a guard in front and a leak check behind. Nothing else calls mjml2html."""
