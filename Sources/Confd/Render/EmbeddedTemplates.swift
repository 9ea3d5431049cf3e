// Written by Scripts/embed-templates from Templates/; change the files there.

/// Templates and template resources by path, for a program without a template directory.
let embeddedTemplates: [String: String] = [
    "conf.d/10-family.toml": #"""
    # Filters, kernel and static protocols: one file per family.
    [template]
    src = "family.conf.stencil"
    dest = "{{name}}.conf"
    each = "families"
    mode = "0640"

    """#,
    "conf.d/20-peers.toml": #"""
    # One fragment per session, rendered again only when the session changes. Holds passwords.
    [template]
    src = "peer.conf.stencil"
    dest = "peers/{{name}}.conf"
    each = "sessions"
    mode = "0640"

    """#,
    "conf.d/90-speaker.toml": #"""
    # The file that the speaker reads; it includes the others. "@speaker" is the daemon's own parser and reload.
    [template]
    src = "speaker.conf.stencil"
    dest = "speaker.conf"
    mode = "0640"
    check_cmd = "@speaker"
    reload_cmd = "@speaker"

    """#,
    "templates/family.conf.stencil": #"""
    # {{ item.title }} policy of node {{ node.name }}. Written by martlet; changes made here are lost.

    {% for filter in item.filters %}{% if filter.used %}
    # BGPFilter {{ filter.filter }}.
    function '{{ filter.name }}'({% if filter.takes_peer_type %}bool is_same_as{% endif %})
    {
    {% for statement in filter.statements %}
      {{ statement }}
    {% endfor %}
    }

    {% endif %}{% endfor %}
    {% for block in item.aggregates %}
    {% if forloop.first %}
    # Blocks of this node: the block is announced, what lies beneath it only with a better metric than usual.
    {% endif %}
    {% endfor %}
    function aggregate_{{ item.suffix }}()
    {
    {% for block in item.aggregates %}
      if net = {{ block }} then accept;
      if net ~ {{ block }} && krt_metric < {{ item.normal_priority }} then accept;
      if net ~ {{ block }} then reject;
    {% endfor %}
    }

    function set_communities_{{ item.suffix }}()
    {
    {% for advertisement in item.advertisements %}
      if net ~ {{ advertisement.prefix }} then {
    {% for community in advertisement.standard %}
        bgp_community.add(({{ community }}));
    {% endfor %}
    {% for community in advertisement.large %}
        bgp_large_community.add(({{ community }}));
    {% endfor %}
      }
    {% endfor %}
    }

    # Kernel metric and LOCAL_PREF say the same: LOCAL_PREF is {{ item.largest_priority }} minus the metric.
    function map_priority_{{ item.suffix }}()
    {
      if source = RTS_BGP && defined(bgp_local_pref) && bgp_local_pref <= {{ item.largest_priority }} then {
        krt_metric = {{ item.largest_priority }} - bgp_local_pref;
      } else {
        if !defined(krt_metric) then krt_metric = {{ item.normal_priority }};
        if krt_metric > {{ item.largest_priority }} then krt_metric = {{ item.largest_priority }};
        bgp_local_pref = {{ item.largest_priority }} - krt_metric;
      }
    }

    function export_to_peers_{{ item.suffix }}(bool internal_peer)
    {
    {% for pool in item.pools %}{% if not pool.exported %}
      if net ~ {{ pool.prefix }} then reject;
    {% endif %}{% endfor %}
      # Routes of other nodes that felix made are theirs to announce.
      if internal_peer && defined(ifname) then {
        if ifname ~ "*.cali" || ifname ~ "*.calico"{% if not item.owns_ipip %} || ifname ~ "tunl0"{% endif %} then reject;
      }
      if defined(ifname) then {
        if ifname ~ "bpf*.cali" then reject;
      }
      set_communities_{{ item.suffix }}();
      aggregate_{{ item.suffix }}();
    {% for prefix in item.service_statics %}
      if net ~ {{ prefix }} then accept;
    {% endfor %}
    {% for prefix in item.reflected_services %}
      if net ~ {{ prefix }} then accept;
    {% endfor %}
    {% for pool in item.pools %}{% if pool.exported %}
      if net ~ {{ pool.prefix }} then accept;
    {% endif %}{% endfor %}
    }

    filter export_internal_{{ item.suffix }}
    {
      map_priority_{{ item.suffix }}();
      export_to_peers_{{ item.suffix }}(true);
      reject;
    }

    filter export_external_{{ item.suffix }}
    {
      map_priority_{{ item.suffix }}();
      export_to_peers_{{ item.suffix }}(false);
      reject;
    }

    # A route with a better priority than usual beats what this node knows itself.
    function raise_preference_{{ item.suffix }}()
    {
      if defined(bgp_local_pref) && bgp_local_pref > {{ item.local_preference_threshold }} then preference = 200;
    }

    filter import_{{ item.suffix }}
    {
      raise_preference_{{ item.suffix }}();
      accept;
    }

    # Blackholes of blocks are felix's alone, and so are routes of encapsulated pools and of services.
    filter kernel_export_{{ item.suffix }}
    {
    {% for route in item.peer_statics %}
      if source = RTS_STATIC && net = {{ route.prefix }} then accept;
    {% endfor %}
      if source != RTS_BGP then reject;
    {% for prefix in item.service_ranges %}
      if net ~ {{ prefix }} then reject;
    {% endfor %}
    {% for address in item.wireguard_peers %}
      if bgp_next_hop = {{ address }} then reject;
    {% endfor %}
    {% for pool in item.pools %}{% if pool.kernel == "reject" or pool.kernel == "tunnel" or pool.kernel == "tunnel_across_subnets" %}
      if net ~ {{ pool.prefix }} then reject;
    {% endif %}{% endfor %}
      if !defined(krt_metric) then {
        krt_metric = {{ item.normal_priority }};
        if defined(bgp_local_pref) && bgp_local_pref <= {{ item.largest_priority }} then
          krt_metric = {{ item.largest_priority }} - bgp_local_pref;
        if krt_metric < {{ item.normal_priority }} then preference = 200;
      }
      accept;
    }

    protocol kernel kernel_{{ item.suffix }} {
      learn;
      persist;
      scan time 2;
      merge paths on;
      metric 0;
      {{ item.name }} {
        import all;
        export filter kernel_export_{{ item.suffix }};
      };
    }

    protocol static static_{{ item.suffix }} {
      {{ item.name }};
    {% for block in item.block_statics %}
      route {{ block }} blackhole;
    {% endfor %}
    {% for prefix in item.service_statics %}
      route {{ prefix }} blackhole;
    {% endfor %}
    {% for route in item.peer_statics %}
      route {{ route.prefix }} via {{ route.gateway }};
    {% endfor %}
    }

    """#,
    "templates/peer.conf.stencil": #"""
    # Written by martlet; changes made here are lost.{# The speaker accepts a session on its local address alone where one is given, so bindMode needs no statement. #}
    protocol bgp {{ item.name }} {
      description "{{ item.description }}";
    {% if node.log_level == "debug" %}
      debug all;
    {% elif node.log_level == "info" %}
      debug { states };
    {% endif %}
      local{% if item.source_address %} {{ item.source_address }}{% endif %} port {{ item.local_port }} as {{ item.local_as }};
      neighbor {{ item.peer_address }} port {{ item.peer_port }} as {{ item.peer_as }};
    {% if item.ttl_security_hops %}
      multihop {{ item.ttl_security_hops }};
      ttl security;
    {% else %}
      multihop;
    {% endif %}
    {% if item.password %}
      password "{{ item.password }}";
    {% endif %}
    {% if item.passive %}
      passive;
    {% endif %}
      connect delay time 2;
      connect retry time 5;
      error wait time 5, 30;
      graceful restart;
    {% if item.restart_seconds %}
      graceful restart time {{ item.restart_seconds }};
    {% endif %}
    {% if item.hold_seconds %}
      hold time {{ item.hold_seconds }};
    {% endif %}
    {% if item.keepalive_seconds %}
      keepalive time {{ item.keepalive_seconds }};
    {% endif %}
    {% if item.allowed_local_as %}
      allow local as {{ item.allowed_local_as }};
    {% endif %}
    {% if item.cluster_id %}
      rr client;
      rr cluster id {{ item.cluster_id }};
    {% endif %}
    {% for channel in item.channels %}
      {{ channel.family }} {
    {% if channel.next_hop_address %}
        next hop address {{ channel.next_hop_address }};
    {% endif %}
    {% if item.next_hop == "self" %}
        next hop self;
    {% elif item.next_hop == "keep" %}
        next hop keep;
    {% endif %}
        gateway recursive;
        add paths on;
    {% if item.max_prefixes %}
        receive limit {{ item.max_prefixes }} action restart;
    {% endif %}
    {% for call in channel.import_filters %}
    {% if forloop.first %}
        import filter {
    {% endif %}
          {{ call }}
    {% if forloop.last %}
          raise_preference_{{ channel.suffix }}();
          accept;
        };
    {% endif %}
    {% empty %}
        import filter import_{{ channel.suffix }};
    {% endfor %}
    {% for call in channel.export_filters %}
    {% if forloop.first %}
        export filter {
          map_priority_{{ channel.suffix }}();
    {% endif %}
          {{ call }}
    {% if forloop.last %}
          export_to_peers_{{ channel.suffix }}({% if item.internal %}true{% else %}false{% endif %});
          reject;
        };
    {% endif %}
    {% empty %}
        export filter export_{% if item.internal %}internal{% else %}external{% endif %}_{{ channel.suffix }};
    {% endfor %}
      };
    {% endfor %}
    }

    """#,
    "templates/speaker.conf.stencil": #"""
    # Written by martlet for node {{ node.name }}. Changes made here are lost.

    log stderr all;
    router id {{ node.router_id }};

    protocol device {
    {% if node.log_level == "debug" %}
      debug all;
    {% elif node.log_level == "info" %}
      debug { states };
    {% endif %}
      scan time 2;
    }

    # Workload interfaces give no direct routes: their addresses are routed by felix.
    protocol direct {
    {% if node.log_level == "debug" %}
      debug all;
    {% elif node.log_level == "info" %}
      debug { states };
    {% endif %}
      interface {%+ for item in node.direct_interfaces %}{% if item.excluded %}-{% endif %}"{{ item.pattern }}"{% if not forloop.last %}, {%+ endif %}{% endfor %};
      ipv4;
      ipv6;
    }

    {% for family in families %}
    include "{{ family.name }}.conf";
    {% endfor %}
    include "peers/*.conf";

    """#,
]

/// The same for files in the language of BIRD 1.6.
let embeddedBird1Templates: [String: String] = [
    "conf.d/bird.toml": #"""
    # The file that the daemon reads; it includes the other two. Holds passwords. "@bird" asks a BIRD 1.6 on this host, else
    # the speaker's own parser, and reloads through the daemon's control socket.
    [template]
    src = "bird.cfg.stencil"
    dest = "bird.cfg"
    mode = "0640"
    check_cmd = "@bird"
    reload_cmd = "@bird"

    """#,
    "conf.d/bird6.toml": #"""
    # The file that the daemon reads; it includes the other two. Holds passwords. "@bird6" asks a BIRD 1.6 on this host, else
    # the speaker's own parser, and reloads through the daemon's control socket.
    [template]
    src = "bird6.cfg.stencil"
    dest = "bird6.cfg"
    mode = "0640"
    check_cmd = "@bird6"
    reload_cmd = "@bird6"

    """#,
    "conf.d/bird6_aggr.toml": #"""
    # Static routes and aggregation.
    [template]
    src = "bird6_aggr.cfg.stencil"
    dest = "bird6_aggr.cfg"
    mode = "0640"

    """#,
    "conf.d/bird6_ipam.toml": #"""
    # Export to neighbours and to the kernel.
    [template]
    src = "bird6_ipam.cfg.stencil"
    dest = "bird6_ipam.cfg"
    mode = "0640"

    """#,
    "conf.d/bird_aggr.toml": #"""
    # Static routes and aggregation.
    [template]
    src = "bird_aggr.cfg.stencil"
    dest = "bird_aggr.cfg"
    mode = "0640"

    """#,
    "conf.d/bird_ipam.toml": #"""
    # Export to neighbours and to the kernel.
    [template]
    src = "bird_ipam.cfg.stencil"
    dest = "bird_ipam.cfg"
    mode = "0640"

    """#,
    "templates/aggregation.stencil": #"""
    # {{ title }} routes and aggregation of node {{ node.name }}. Written by martlet; changes made here are lost.

    {% if has_statics %}
    template static static_template {
    {% for block in block_statics %}
      route {{ block }} blackhole;
    {% endfor %}
    {% for prefix in service_statics %}
      route {{ prefix }} blackhole;
    {% endfor %}
    {% for route in peer_statics %}
      route {{ route.prefix }} via {{ route.gateway }};
    {% endfor %}
    }

    protocol static from static_template {
    }

    {% endif %}
    # A block of this node is announced, what lies beneath it only with a better metric than usual.
    function calico_aggr ()
    {
    {% for block in aggregates %}
      if ( net = {{ block }} ) then { accept; }
      if ( net ~ {{ block }} && krt_metric < {{ normal_priority }} ) then { accept; }
      if ( net ~ {{ block }} ) then { reject; }
    {% endfor %}
    }

    """#,
    "templates/bird.cfg.stencil": #"""
    {% include "main.stencil" bird %}

    """#,
    "templates/bird6.cfg.stencil": #"""
    {% include "main.stencil" bird6 %}

    """#,
    "templates/bird6_aggr.cfg.stencil": #"""
    {% include "aggregation.stencil" bird6 %}

    """#,
    "templates/bird6_ipam.cfg.stencil": #"""
    {% include "policy.stencil" bird6 %}

    """#,
    "templates/bird_aggr.cfg.stencil": #"""
    {% include "aggregation.stencil" bird %}

    """#,
    "templates/bird_ipam.cfg.stencil": #"""
    {% include "policy.stencil" bird %}

    """#,
    "templates/main.stencil": #"""
    # {{ title }} of node {{ node.name }}, in the language of BIRD 1.6. Written by martlet; changes made here are lost.

    function apply_communities ()
    {
    {% for advertisement in advertisements %}
      if ( net ~ {{ advertisement.prefix }} ) then {
    {% for community in advertisement.large %}
        bgp_large_community.add(({{ community }}));
    {% endfor %}
    {% for community in advertisement.standard %}
        bgp_community.add(({{ community }}));
    {% endfor %}
      }
    {% endfor %}
    }

    template kernel kernel_template {
      learn;
      persist;
      scan time 2;
      import all;
    }

    # Workload interfaces give no direct routes, nor does the one on which kube-proxy puts every cluster IP.
    template direct direct_template {
    {% if node.debug %}
      debug {{ node.debug }};
    {% endif %}
      interface {%+ for item in node.direct_interfaces %}{% if item.excluded %}-{% endif %}"{{ item.pattern }}"{% if not forloop.last %}, {%+ endif %}{% endfor %};
    }

    include "{{ file }}_aggr.cfg";
    include "{{ file }}_ipam.cfg";

    router id {{ node.router_id }};

    {% if listens_elsewhere %}
    listen bgp{% if listen_address %} address {{ listen_address }}{% endif %}{% if listen_port != "179" %} port {{ listen_port }}{% endif %};

    {% endif %}
    protocol kernel from kernel_template {
      export filter calico_kernel_programming;
      graceful restart;
      merge paths on;
    }

    protocol device {
    {% if node.debug %}
      debug {{ node.debug }};
    {% endif %}
      scan time 2;
    }

    protocol direct from direct_template {
    }

    {% if address %}
    template bgp bgp_template {
    {% if node.session_debug %}
      debug {{ node.session_debug }};
    {% endif %}
      description "Connection to BGP peer";
      local as {{ node.local_as }};
      gateway recursive;
      add paths on;
      graceful restart;
      connect delay time 2;
      connect retry time 5;
      error wait time 5,30;
    }

    {% for filter in filters %}
    # BGPFilter {{ filter.filter }}.
    function '{{ filter.name }}'({% if filter.takes_peer_type %}bool is_same_as{% endif %})
    {
    {% for statement in filter.statements %}
      {{ statement }}
    {% endfor %}
    }

    {% endfor %}
    {% for session in sessions %}
    # {{ session.description }}
    protocol bgp {{ session.name }} from bgp_template {
    {% if session.own_local_as %}
      local as {{ session.own_local_as }};
    {% endif %}
      neighbor {{ session.peer_address }}{% if session.given_peer_port %} port {{ session.given_peer_port }}{% endif %} as {{ session.peer_as }};
    {% if session.given_source_address %}
      source address {{ session.given_source_address }};
    {% endif %}
    {% if session.ttl_security_hops %}
      ttl security on;
      multihop {{ session.ttl_security_hops }};
    {% else %}
      ttl security off;
      multihop;
    {% endif %}
      import filter {
    {% for call in session.import_filters %}
        {{ call }}
    {% endfor %}
        if (defined(bgp_local_pref) && (bgp_local_pref > {{ local_preference_threshold }})) then
          preference = 200;
        accept;
      };
      export filter {
        if (defined(source) && source = RTS_BGP && defined(bgp_local_pref)) then {
          krt_metric = {{ largest_priority }} - bgp_local_pref;
        } else {
          if (!defined(krt_metric)) then { krt_metric = {{ normal_priority }}; }
          bgp_local_pref = {{ largest_priority }} - krt_metric;
        }
    {% for call in session.export_filters %}
        {{ call }}
    {% endfor %}
        calico_export_to_bgp_peers({% if session.internal %}true{% else %}false{% endif %});
        reject;
      };
    {% if session.next_hop == "self" %}
      next hop self;
    {% elif session.next_hop == "keep" %}
      next hop keep;
    {% endif %}
    {% if session.passive %}
      passive on;
    {% endif %}
    {% if session.password %}
      password "{{ session.password }}";
    {% endif %}
    {% if session.restart_seconds %}
      graceful restart time {{ session.restart_seconds }};
    {% endif %}
    {% if session.hold_seconds %}
      hold time {{ session.hold_seconds }};
    {% endif %}
    {% if session.keepalive_seconds %}
      keepalive time {{ session.keepalive_seconds }};
    {% endif %}
    {% if session.max_prefixes %}
      receive limit {{ session.max_prefixes }} action restart;
    {% endif %}
    {% if session.allowed_local_as %}
      allow local as {{ session.allowed_local_as }};
    {% endif %}
    {% if session.cluster_id %}
      rr client;
      rr cluster id {{ session.cluster_id }};
    {% endif %}
    }

    {% endfor %}
    {% else %}
    # The node has no {{ title }} address, so there are no sessions.
    {% endif %}

    """#,
    "templates/policy.stencil": #"""
    # {{ title }} export of node {{ node.name }}. Written by martlet; changes made here are lost.

    function reject_local_routes ()
    {
      if (defined(ifname)) then {
        if (ifname ~ "bpf*.cali") then { reject; }
      }
    }

    function calico_export_to_bgp_peers(bool internal_peer)
    {
    {% for pool in pools %}{% if not pool.exported %}
      if (net ~ {{ pool.prefix }}) then { reject; }
    {% endif %}{% endfor %}
      # Routes of other nodes that felix made are theirs to announce.
      if (internal_peer) then {
        if (defined(ifname)) then {
          if ((ifname ~ "*.cali") || (ifname ~ "*.calico"){% if not owns_ipip %} || (ifname ~ "tunl0"){% endif %}) then { reject; }
        }
      }
      reject_local_routes();
      apply_communities();
      calico_aggr();
    {% for prefix in service_statics %}
      if ( net ~ {{ prefix }} ) then { accept; }
    {% endfor %}
    {% for prefix in reflected_services %}
      if ( net ~ {{ prefix }} ) then { accept; }
    {% endfor %}
    {% for pool in pools %}{% if pool.exported %}
      if (net ~ {{ pool.prefix }}) then { accept; }
    {% endif %}{% endfor %}
    }

    filter calico_kernel_programming
    {
    {% for prefix in service_ranges %}
      if ( net ~ {{ prefix }} ) then { reject; }
    {% endfor %}
      if (defined(source) && (source = RTS_BGP) && !defined(krt_metric)) then {
        krt_metric = {{ normal_priority }};
        if (defined(bgp_local_pref)) then {
          krt_metric = {{ largest_priority }} - bgp_local_pref;
        }
        if (krt_metric < {{ normal_priority }}) then {
          preference = 200;
        }
      }
    {% for address in wireguard_peers %}
      if (defined(bgp_next_hop) && bgp_next_hop = {{ address }}) then { reject; }
    {% endfor %}
    {% for pool in pools %}
    {% if pool.kernel == "accept" and name == "ipv4" %}
      if (net ~ {{ pool.prefix }}) then { accept; }
    {% elif pool.kernel == "reject" %}
      if (net ~ {{ pool.prefix }}) then { reject; }
    {% elif pool.kernel == "tunnel" %}
      if (net ~ {{ pool.prefix }}) then { krt_tunnel="tunl0"; accept; }
    {% elif pool.kernel == "tunnel_across_subnets" %}
      if (net ~ {{ pool.prefix }}) then { if (defined(bgp_next_hop)&&(bgp_next_hop ~ {{ network }})) then krt_tunnel=""; else krt_tunnel="tunl0"; accept; }
    {% endif %}
    {% endfor %}
      accept;
    }

    """#,
]
