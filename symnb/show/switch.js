// Told at once and at each change: is the page around dark (true), light (false), or without a switch (null)?
const onSwitch = tell => {
  const body = document.body, look = () => {
    const lab = body.dataset.jpThemeLight, quarto = /\bquarto-(dark|light)\b/.exec(body.className);
    tell(lab ? lab == "false" : quarto && quarto[1] == "dark");
  };
  new MutationObserver(look).observe(body, {attributes: true});
  look();
};
