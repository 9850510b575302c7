// What editors see: the fallback, which they write, and four settings beside it.
(({ blocks, blockEditor, components, element, i18n }) => {
  const { createElement: make } = element;
  const { InnerBlocks, InspectorControls, useBlockProps } = blockEditor;
  const { PanelBody, RangeControl, SelectControl, TextControl, ToggleControl } = components;
  const { __ } = i18n;
  const SPECIES = [["", __("all", "pawsonalize")], ["dog", __("dogs", "pawsonalize")],
    ["cat", __("cats", "pawsonalize")], ["rabbit", __("rabbits", "pawsonalize")],
    ["small animal", __("small animals", "pawsonalize")], ["bird", __("birds", "pawsonalize")],
    ["horse", __("horses", "pawsonalize")]];

  // The sizes that WordPress gives all controls from 7.0 on; without them, 6.8 complains.
  const SIZES = { __next40pxDefaultSize: true, __nextHasNoMarginBottom: true };

  blocks.registerBlockType("pawsonalize/animals", {
    edit({ attributes, setAttributes }) {
      const { limit, species, href, board } = attributes;
      const settings = make(PanelBody, { title: __("Animals", "pawsonalize") },
        make(RangeControl, {
          ...SIZES, label: __("How many", "pawsonalize"), value: limit, min: 1, max: 50,
          onChange: (value) => setAttributes({ limit: value }),
        }),
        make(SelectControl, {
          ...SIZES, label: __("Which", "pawsonalize"), value: species,
          options: SPECIES.map(([value, label]) => ({ value, label })),
          onChange: (value) => setAttributes({ species: value }),
        }),
        make(TextControl, {
          ...SIZES, label: __("Address of an animal's page", "pawsonalize"), value: href,
          help: __("{id} stands for the animal's id. Empty: as your inventory says.", "pawsonalize"),
          onChange: (value) => setAttributes({ href: value }),
        }),
        make(ToggleControl, {
          __nextHasNoMarginBottom: true, label: __("Ask whom to meet first", "pawsonalize"),
          help: __("Somebody new picks up to three of nine animals, and the list follows.", "pawsonalize"),
          checked: board, onChange: (value) => setAttributes({ board: value }),
        }));
      return make("div", useBlockProps(),
        make(InspectorControls, {}, settings),
        make("p", {}, __("Visitors see animals here. If the service does not answer, they see:", "pawsonalize")),
        make(InnerBlocks, {}));
    },
    save: () => make(InnerBlocks.Content),
  });
})(window.wp);
