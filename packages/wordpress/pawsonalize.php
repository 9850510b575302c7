<?php
/**
 * Plugin Name:       Pawsonalize
 * Description:       Shows the animals of your shelter in an order of their own for each visitor.
 * Version:           0.1.0
 * Requires at least: 6.5
 * Requires PHP:      7.4
 * License:           Apache-2.0
 * Text Domain:       pawsonalize
 *
 * @package Pawsonalize
 */

defined( 'ABSPATH' ) || exit;

require_once __DIR__ . '/settings.php';
require_once __DIR__ . '/render.php';

/**
 * Let editors insert the block, which PHP renders.
 */
function pawsonalize_register_block() {
	if ( '' !== pawsonalize_script_url() ) {
		wp_register_script_module( 'pawsonalize-embed', pawsonalize_script_url(), array(), null );
	}
	register_block_type( __DIR__ . '/block', array( 'render_callback' => 'pawsonalize_render_block' ) );
}
add_action( 'init', 'pawsonalize_register_block' );
