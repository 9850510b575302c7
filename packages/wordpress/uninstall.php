<?php
/**
 * Leave nothing behind.
 *
 * @package Pawsonalize
 */

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

delete_option( 'pawsonalize_url' );
delete_option( 'pawsonalize_key' );
