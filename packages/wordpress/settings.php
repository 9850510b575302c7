<?php
/**
 * Where the service is, and the key of its pages.
 *
 * @package Pawsonalize
 */

defined( 'ABSPATH' ) || exit;

/**
 * The address of the service without a slash at its end; empty until somebody says it.
 *
 * @return string
 */
function pawsonalize_url() {
	return untrailingslashit( (string) get_option( 'pawsonalize_url', '' ) );
}

/**
 * The address of the script that shows animals; empty without a service.
 *
 * @return string
 */
function pawsonalize_script_url() {
	$url = pawsonalize_url();
	return '' === $url ? '' : $url . '/embed.js';
}

/**
 * The origin of the site's pages, as keys name it: without the folder that WordPress may be in.
 *
 * @return string
 */
function pawsonalize_origin() {
	return strtolower( preg_replace( '#^(https?://[^/]+).*#', '$1', home_url() ) );
}

/**
 * Take an address of the web, or nothing. What is no address leaves the old one.
 *
 * WordPress's own esc_url_raw() would make an address of anything: `http://foo%20bar` of "foo bar".
 *
 * @param mixed $given What was typed.
 * @return string
 */
function pawsonalize_sanitize_url( $given ) {
	$url = untrailingslashit( trim( (string) $given ) );
	if ( '' === $url || preg_match( '#^https?://[^\s/?\#@"\'<>\\\\]+(/[^\s?\#"\'<>\\\\]*)?$#i', $url ) ) {
		return $url;
	}
	add_settings_error(
		'pawsonalize_url',
		'pawsonalize_url',
		__( 'That is no address: it must begin with https://, such as https://pets.example.', 'pawsonalize' )
	);
	return pawsonalize_url();
}

/**
 * Take a key as the service prints it, or nothing. What is no key leaves the old one.
 *
 * @param mixed $given What was typed.
 * @return string
 */
function pawsonalize_sanitize_key( $given ) {
	$key = trim( (string) $given );
	if ( '' === $key || preg_match( '/^[A-Z0-9]+\.[A-Za-z0-9+\/=_-]+$/', $key ) ) {
		return $key;
	}
	add_settings_error(
		'pawsonalize_key',
		'pawsonalize_key',
		__( 'That is no key: paste KEY.SECRET as "pawsonalize keys create --scope browser" printed it.', 'pawsonalize' )
	);
	return (string) get_option( 'pawsonalize_key', '' );
}

/**
 * Name the two settings.
 */
function pawsonalize_register_settings() {
	register_setting(
		'pawsonalize',
		'pawsonalize_url',
		array(
			'type'              => 'string',
			'sanitize_callback' => 'pawsonalize_sanitize_url',
			'default'           => '',
		)
	);
	register_setting(
		'pawsonalize',
		'pawsonalize_key',
		array(
			'type'              => 'string',
			'sanitize_callback' => 'pawsonalize_sanitize_key',
			'default'           => '',
		)
	);
}
add_action( 'admin_init', 'pawsonalize_register_settings' );

/**
 * Put the page under "Settings".
 */
function pawsonalize_add_settings_page() {
	add_options_page( 'Pawsonalize', 'Pawsonalize', 'manage_options', 'pawsonalize', 'pawsonalize_show_settings_page' );
}
add_action( 'admin_menu', 'pawsonalize_add_settings_page' );

/**
 * Show the form; WordPress saves it and checks its nonce.
 */
function pawsonalize_show_settings_page() {
	if ( ! current_user_can( 'manage_options' ) ) {
		return;
	}
	?>
	<div class="wrap">
		<h1><?php esc_html_e( 'Pawsonalize', 'pawsonalize' ); ?></h1>
		<form method="post" action="options.php">
			<?php settings_fields( 'pawsonalize' ); ?>
			<table class="form-table" role="presentation">
				<tr>
					<th scope="row"><label for="pawsonalize_url"><?php esc_html_e( 'Address of the service', 'pawsonalize' ); ?></label></th>
					<td><input id="pawsonalize_url" name="pawsonalize_url" type="url" class="regular-text" placeholder="https://pets.example" value="<?php echo esc_attr( pawsonalize_url() ); ?>"></td>
				</tr>
				<tr>
					<th scope="row"><label for="pawsonalize_key"><?php esc_html_e( 'Key of your pages', 'pawsonalize' ); ?></label></th>
					<td>
						<input id="pawsonalize_key" name="pawsonalize_key" type="text" class="regular-text code" autocomplete="off" spellcheck="false" value="<?php echo esc_attr( (string) get_option( 'pawsonalize_key', '' ) ); ?>" aria-describedby="pawsonalize_key_help">
						<p class="description" id="pawsonalize_key_help">
							<?php
							printf(
								/* translators: %s: a command. */
								esc_html__( 'A key of the scope "browser": everybody can read it in your page. Make one with %s', 'pawsonalize' ),
								'<code>pawsonalize keys create --scope browser --origin ' . esc_html( pawsonalize_origin() ) . '</code>'
							);
							?>
						</p>
					</td>
				</tr>
			</table>
			<?php submit_button(); ?>
		</form>
	</div>
	<?php
}
